"""Access tokens, minted once and shared by every thread and process of this machine.

A token file is readable by its owner alone and is replaced whole. Who needs a new token takes the
lock and looks again first, so that two processes never both mint: with some vendors the second
token would kill the first.
"""

import contextlib
import copy
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from filelock import FileLock

EARLY = timedelta(minutes=5)
REFUSAL_HOLDS = timedelta(minutes=5)
LOCK_TIMEOUT_SECONDS = 120
# Pulls that run side by side each count from their own start. What was minted later than that is of
# another replay.
CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True)
class Minted:
    """What a vendor gave: the token, its life, and a refresh token if it issued a new one."""

    token: str
    expires_in_seconds: float
    refresh_token: str | None = None
    refresh_expires_in_seconds: float | None = None


@dataclass(frozen=True)
class _Record:
    token: str
    minted_at: datetime
    expires_at: datetime
    refresh_at: datetime
    refresh_token: str | None = None

    def serves(self, now: datetime, rejected: str | None) -> bool:
        """Whether it may be used; one minted in the future belongs to another replay."""
        is_of_now = self.minted_at - CLOCKS_DIFFER <= now < self.refresh_at
        return self.token != rejected and is_of_now


class TokenCache:
    """Tokens by app; `now` comes from the pull, so a replay's tokens expire on its clock."""

    def __init__(self, folder: Path) -> None:
        """Keep token files below `folder`."""
        self.folder = folder
        self._records: dict[str, _Record] = {}
        self._refused: dict[str, tuple[Exception, datetime]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(
        self,
        app: str,
        now: Callable[[], datetime],
        mint: Callable[[str | None], Minted],
        *,
        rejected: str | None = None,
    ) -> str:
        """A token for the app.

        Args:
            app: names the app and its secret's fingerprint.
            now: the present moment.
            mint: asks the vendor; gets the newest refresh token that a vendor issued, if any.
            rejected: a token that the vendor has just refused; it is not given again.
        """
        record = self._records.get(app)
        if record and record.serves(now(), rejected):
            return record.token
        with self._guard:
            lock = self._locks.setdefault(app, threading.Lock())
        with lock:
            record = self._records.get(app)
            if record and record.serves(now(), rejected):
                return record.token
            self._raise_if_refused(app, now())
            path = self._path(app)
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT_SECONDS, mode=0o600):
                stored = _read(path)
                if stored is None or not stored.serves(now(), rejected):
                    stored = self._mint(app, path, stored, now, mint)
            self._records[app] = stored
            return stored.token

    def _mint(
        self,
        app: str,
        path: Path,
        stored: _Record | None,
        now: Callable[[], datetime],
        mint: Callable[[str | None], Minted],
    ) -> _Record:
        from extractors.core.errors import AuthenticationError

        try:
            minted = mint(stored.refresh_token if stored else None)
        except AuthenticationError as error:
            self._refused[app] = (error, now())
            raise
        at = now()
        expires_at = at + timedelta(seconds=minted.expires_in_seconds)
        if stored and stored.token == minted.token and at < stored.expires_at:
            # the same token again does not live longer, whatever the answer says
            expires_at = min(expires_at, stored.expires_at)
        early = min(EARLY, (expires_at - at) / 2)
        record = _Record(
            minted.token,
            at,
            expires_at,
            expires_at - early,
            minted.refresh_token or (stored.refresh_token if stored else None),
        )
        _write(path, record)
        return record

    def _raise_if_refused(self, app: str, now: datetime) -> None:
        # asking again with a secret that was just refused only gets this machine blocked
        error, at = self._refused.get(app, (None, now))
        if error and abs(now - at) < REFUSAL_HOLDS:
            raise copy.copy(error)

    def _path(self, app: str) -> Path:
        return self.folder / f"{hashlib.sha256(app.encode()).hexdigest()[:20]}.json"


def app_key(source: str, *parts: str) -> str:
    """The name of an app in caches: changes when its secret does, and does not reveal it."""
    secret = hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
    return f"{source}|{secret}"


def _read(path: Path) -> _Record | None:
    try:
        raw = orjson.loads(path.read_bytes())
        moments = {
            key: datetime.fromisoformat(raw[key])
            for key in ("minted_at", "expires_at", "refresh_at")
        }
        return _Record(token=raw["token"], refresh_token=raw["refresh_token"], **moments)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, record: _Record) -> None:
    temporary = path.with_suffix(".tmp")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(orjson.dumps(record))
        file.flush()
        # a rotated refresh token that is lost locks the account out
        os.fsync(file.fileno())
    temporary.replace(path)
