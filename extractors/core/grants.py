"""Refresh tokens that rotate: kept so that no crash loses one (docs/decisions/0006).

One file per chain of refresh tokens, readable by its owner alone, replaced whole and synced. A
refresh is noted before it is asked for (the intent); the old refresh token stays beside its
successor until the successor has been used; who finds a noted but unanswered refresh takes the
answer that the courier put down, or asks again with the old token. A file lock keeps any two
processes from spending one token twice.
"""

import contextlib
import copy
import fcntl
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from extractors.core.courier import Journal
from extractors.core.errors import ApiError, AuthenticationError, Reaction
from extractors.core.tokens import CLOCKS_DIFFER, EARLY, REFUSAL_HOLDS, Minted
from siyu.errors import SiyuError

if TYPE_CHECKING:
    from extractors.core.oauth import OAuthClient

LOCK_SECONDS = 180
LOCK_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Renewed:
    """A refresh token that replaces another, and its life."""

    refresh_token: str
    expires_in_seconds: float | None = None


@dataclass(frozen=True)
class Intent:
    """A refresh that was about to be asked for."""

    id: str
    refresh_token: str
    at: datetime
    is_renewal: bool = False


@dataclass(frozen=True)
class Grant:
    """What is known of one chain.

    Attributes:
        refresh_token: the newest one; None: the one of the credentials.
        older: those before it, newest first, until the newest has been used.
        intent: a refresh that was begun and whose answer is not noted here.
    """

    access_token: str = ""
    minted_at: datetime | None = None
    expires_at: datetime | None = None
    refresh_at: datetime | None = None
    refresh_token: str | None = None
    older: tuple[str, ...] = ()
    refresh_expires_at: datetime | None = None
    intent: Intent | None = None

    def serves(self, now: datetime, rejected: str | None) -> bool:
        """Whether its access token may be used; one of the future belongs to another replay."""
        return bool(
            self.access_token
            and self.access_token != rejected
            and self.minted_at - CLOCKS_DIFFER <= now < self.refresh_at
        )


@dataclass
class Grants:
    """The chains kept below one folder."""

    folder: Path
    _known: dict[str, Grant] = field(default_factory=dict)
    _refused: dict[str, tuple[Exception, datetime]] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def below(cls, folder: Path) -> "Grants":
        """The one of this process for a folder."""
        with _OPEN_LOCK:
            return _OPEN.setdefault(str(folder), cls(folder))

    def token(
        self,
        chain: str,
        client: "OAuthClient",
        now: Callable[[], datetime],
        *,
        rejected: str | None = None,
    ) -> str:
        """An access token of the chain.

        Args:
            chain: names app and authorisation, without revealing them.
            client: asks its vendor.
            now: the present moment of the pull.
            rejected: a token that the vendor has just refused; it is not given again.

        Raises:
            AuthenticationError: the vendor takes none of the chain's refresh tokens; a person must
                authorise again.
        """
        grant = self._known.get(chain)
        if grant and grant.serves(now(), rejected):
            return grant.access_token
        with self._guard:
            lock = self._locks.setdefault(chain, threading.Lock())
        with lock:
            grant = self._known.get(chain)
            if grant and grant.serves(now(), rejected):
                return grant.access_token
            self._raise_if_refused(chain, now())
            path = self._path(chain)
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with exclusive(path.with_suffix(".lock"), client.where) as held:
                grant = read(path)
                if not grant.serves(now(), rejected):
                    file = _File(path, held)
                    grant = self._renewed(file, grant, client, now)
                    grant = self._refreshed(chain, file, grant, client, now)
            self._known[chain] = grant
            return grant.access_token

    def _renewed(
        self, file: "_File", grant: Grant, client: "OAuthClient", now: Callable[[], datetime]
    ) -> Grant:
        """Swap a refresh token that ends soon, where the vendor has a call for that."""
        ends = grant.refresh_expires_at
        begun = grant.intent is not None and grant.intent.is_renewal
        is_due = client.renew_before and ends and now() >= ends - client.renew_before
        if not begun and not is_due:
            return grant
        spent = grant.intent.refresh_token if begun else grant.refresh_token or client.granted
        grant, journal = file.note(grant, spent, now(), is_renewal=True)
        try:
            with client.carried(journal):
                renewed = client.renew(spent)
        except ApiError as error:
            if error.reaction not in FINAL:
                raise
            # it may serve until its end all the same; the refresh that follows tells
            return replace(grant, intent=grant.intent if journal.is_lost or begun else None)
        seconds = renewed.expires_in_seconds
        grant = replace(
            grant,
            refresh_token=renewed.refresh_token,
            older=(spent,) if renewed.refresh_token != spent else grant.older,
            refresh_expires_at=now() + timedelta(seconds=seconds) if seconds else None,
            intent=None,
        )
        file.keep(grant, journal)
        return grant

    def _refreshed(
        self,
        chain: str,
        file: "_File",
        grant: Grant,
        client: "OAuthClient",
        now: Callable[[], datetime],
    ) -> Grant:
        unanswered = grant.intent
        candidates = [grant.refresh_token, *grant.older, client.granted]
        if unanswered:
            candidates.insert(0, unanswered.refresh_token)
        refused: ApiError | None = None
        for spent in dict.fromkeys(token for token in candidates if token):
            grant, journal = file.note(grant, spent, now())
            try:
                with client.carried(journal):
                    minted = client.refresh(spent)
            except ApiError as error:
                if error.reaction not in FINAL or not client.is_dead(error):
                    raise
                refused = refused or error
                unanswered = unanswered or (grant.intent if journal.is_lost else None)
                continue
            grant = _minted(grant, spent, minted, now())
            file.keep(grant, journal)
            return grant
        # a lost answer stays noted: whoever looks next can tell it from a withdrawn authorisation
        file.keep(replace(grant, intent=unanswered), journal)
        failure = _broken(client, refused, unanswered)
        self._refused[chain] = (failure, now())
        raise failure from None

    def _raise_if_refused(self, chain: str, now: datetime) -> None:
        error, at = self._refused.get(chain, (None, now))
        if error and abs(now - at) < REFUSAL_HOLDS:
            raise copy.copy(error)

    def _path(self, chain: str) -> Path:
        return self.folder / f"{hashlib.sha256(chain.encode()).hexdigest()[:20]}.grant"


# a refusal of these kinds is about the refresh token; the others are about the moment
FINAL = (Reaction.STOP, Reaction.REFRESH_TOKEN)
_OPEN: dict[str, Grants] = {}
_OPEN_LOCK = threading.Lock()


class _File:
    """One chain's file while its lock is held."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self.lock = path, lock

    def note(
        self, grant: Grant, spent: str, at: datetime, *, is_renewal: bool = False
    ) -> tuple[Grant, Journal]:
        """Put down what is about to be asked for, before it is.

        The same question that a process died over keeps its name, so that its answer is found.
        """
        begun = grant.intent
        if not begun or (begun.refresh_token, begun.is_renewal) != (spent, is_renewal):
            intent = Intent(secrets.token_hex(8), spent, at, is_renewal)
            grant = replace(grant, intent=intent)
            write(self.path, grant)
        return grant, Journal(self.path.with_suffix(".answer"), grant.intent.id, self.lock)

    def keep(self, grant: Grant, journal: Journal) -> None:
        """Save what the answer said, and only then let the answer go."""
        write(self.path, grant)
        journal.forget()


def _minted(grant: Grant, spent: str, minted: Minted, at: datetime) -> Grant:
    successor = minted.refresh_token or spent
    expires_at = at + timedelta(seconds=minted.expires_in_seconds)
    early = min(EARLY, (expires_at - at) / 2)
    ends = minted.refresh_expires_in_seconds
    refresh_ends = at + timedelta(seconds=ends) if ends else None
    if refresh_ends is None and successor == spent and spent == grant.refresh_token:
        refresh_ends = grant.refresh_expires_at
    return Grant(
        access_token=minted.token,
        minted_at=at,
        expires_at=expires_at,
        refresh_at=expires_at - early,
        refresh_token=successor,
        older=(spent,) if successor != spent else (),
        refresh_expires_at=refresh_ends,
    )


def _broken(
    client: "OAuthClient", refused: ApiError, unanswered: Intent | None
) -> AuthenticationError:
    if unanswered:
        what = (
            f"{client.vendor} takes none of the refresh tokens known for this account (code "
            f"{refused.code}): one was spent at {unanswered.at:%Y-%m-%d %H:%M} UTC, and the answer "
            "with its successor was lost"
        )
    else:
        what = (
            f"{client.vendor} takes none of the refresh tokens known for this account (code "
            f"{refused.code}): they have expired, were withdrawn, or another program spent them"
        )
    return AuthenticationError(
        what, where=client.where, action=client.how_to_authorise(), code=refused.code
    )


@contextmanager
def exclusive(path: Path, where: str) -> Iterator[int]:
    """Hold a lock file; a killed holder lets go of it at once.

    Raises:
        SiyuError: somebody has held it for minutes.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                raise SiyuError(
                    "Another process has been refreshing this account's token for minutes",
                    where=where,
                    action="look for a pull that hangs, end it, and run the same command again",
                )
            time.sleep(LOCK_POLL_SECONDS)
        yield handle
    finally:
        os.close(handle)  # lets go of the lock


def read(path: Path) -> Grant:
    """The chain's newest state; the caller holds the lock.

    A replacement that was written whole by a process that died is put in place.

    Raises:
        SiyuError: the file is there and cannot be read: guessing could spend a token twice.
    """
    for candidate in (path.with_suffix(".new"), path):
        try:
            raw = orjson.loads(candidate.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError:
            if candidate != path:
                continue  # half written when its process died: the file itself still counts
            raise SiyuError(
                "The kept refresh token cannot be read",
                where=str(path),
                action="restore the file from a backup; if there is none, authorise the account "
                "again and remove it",
            ) from None
        if candidate != path:
            candidate.replace(path)
        return _grant(raw)
    return Grant()


def write(path: Path, grant: Grant) -> None:
    """Put the state on disk, synced, before anything else happens."""
    temporary = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, orjson.dumps(grant))
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _grant(raw: dict) -> Grant:
    moments = {
        key: datetime.fromisoformat(raw[key]) if raw[key] else None
        for key in ("minted_at", "expires_at", "refresh_at", "refresh_expires_at")
    }
    noted = raw["intent"]
    return Grant(
        access_token=raw["access_token"],
        refresh_token=raw["refresh_token"],
        older=tuple(raw["older"]),
        intent=noted
        and Intent(
            noted["id"],
            noted["refresh_token"],
            datetime.fromisoformat(noted["at"]),
            noted["is_renewal"],
        ),
        **moments,
    )
