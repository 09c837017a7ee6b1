"""Personal ids become keyed hashes before anything lands; a vault maps them back.

The vault is a SQLite file that its owner alone can read. Extractors write it in one batch per pull
(a large pull puts ids aside in it as it goes on) and only for ids they have not written before;
warehouse and gates never open it.
"""

import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import orjson

from extractors.core.stream import Personal

PSEUDONYM_LENGTH = 32
BLOCK = 64  # of SHA-256
# ids that wait for the vault; more are written while the pull goes on
MOST_WAITING = 25_000
PAGE_BYTES = 16_384
# keys of unknown fields whose values may be personal: the field's name is kept, its value is not
_PERSONAL_KEY = re.compile(
    r"name|nick|avatar|head_?img|remark|descri|mobile|phone|tel_|tel$|addr|mail|openid|unionid|"
    r"user_?id|visitor|id_?card|birth|position|notes?$|message|content",
    re.IGNORECASE,
)
REDACTED = "[personal]"


class Privacy:
    """Pseudonyms under one key, and the vault rows they owe."""

    def __init__(self, key: bytes, vault: Path) -> None:
        """Nothing is opened before the first save."""
        self.vault = vault
        self._new: dict[str, str] = {}  # clear id -> pseudonym
        self._is_waiting = False
        self._known: dict[Personal, dict[str, str]] = {}
        # HMAC by hand from two states made once: a third of the time of hmac.digest per id
        padded = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self._key_name = self._outer.hexdigest()

    def pseudonym(self, clear_id: str) -> str:
        """The pseudonym of an id: the same for every source and every kind of id."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(clear_id.encode())
        outer.update(inner.digest())
        return outer.hexdigest()[:PSEUDONYM_LENGTH]

    def pseudonyms(self, clear_ids: list, treatment: Personal) -> list[str | None]:
        """Pseudonyms of a column; missing and empty ids stay missing."""
        copy_inner, copy_outer = self._inner.copy, self._outer.copy
        keep = treatment == Personal.PSEUDONYM
        known = self._known_of(treatment)
        new = self._new if keep else {}
        result: list[str | None] = []
        add = result.append
        for clear_id in clear_ids:
            if not clear_id:
                add(None)
                continue
            clear = clear_id if type(clear_id) is str else str(clear_id)
            pseudonym = known.get(clear) or new.get(clear)
            if pseudonym is None:
                # as `pseudonym`: a call for each of millions would cost as much again
                inner, outer = copy_inner(), copy_outer()
                inner.update(clear.encode())
                outer.update(inner.digest())
                pseudonym = new[clear] = outer.hexdigest()[:PSEUDONYM_LENGTH]
            add(pseudonym)
        if len(self._new) > MOST_WAITING:
            self._put_aside()
        if not keep and len(known) < _MOST_KNOWN:
            known.update(new)
        return result

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Save by the end of the block; many ids beside it, as SQLite lets other threads run."""
        if not self._is_waiting:
            yield
            self.save()
            return
        with ThreadPoolExecutor(1, thread_name_prefix="vault") as beside:
            saved = beside.submit(self.save)
            yield
            saved.result()

    def save(self) -> int:
        """Write the ids that the vault lacks, in one transaction; returns how many were new."""
        if not self._new and not self._is_waiting:
            return 0
        with self._opened() as connection, connection:
            # one statement over JSON takes a third of `executemany`; in the order of the tree
            added = connection.execute(
                "insert or ignore into ids select value, key from json_each(?) order by value",
                (orjson.dumps(self._new).decode(),),
            ).rowcount
            # also what a killed pull left there
            aside = "select 1 from sqlite_master where name = 'put_aside'"
            if connection.execute(aside).fetchone():
                added += connection.execute(
                    "insert or ignore into ids select value, key "
                    "from put_aside, json_each(put_aside.ids) order by value"
                ).rowcount
                connection.execute("drop table put_aside")
        self._remember()
        self._is_waiting = False
        return added

    def _put_aside(self) -> None:
        """Put ids aside in the vault, unsorted, as one JSON text.

        Millions of ids, each put in its place at once, would rewrite the whole tree again and
        again; sorted by `save`, they are written in one go.
        """
        with self._opened() as connection, connection:
            connection.execute("create table if not exists put_aside (ids text not null)")
            connection.execute(
                "insert into put_aside values (?)", (orjson.dumps(self._new).decode(),)
            )
        self._remember()
        self._is_waiting = True

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self.vault.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # made before SQLite opens it, because SQLite would make it readable by others
        os.close(os.open(self.vault, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.vault, timeout=60)
        try:
            # of a vault that is still empty: fewer, larger pages are filled faster
            connection.execute(f"pragma page_size = {PAGE_BYTES}")
            connection.execute(
                "create table if not exists ids (pseudonym text primary key, "
                "clear_id text not null) without rowid"
            )
            yield connection
        finally:
            connection.close()

    def _known_of(self, treatment: Personal) -> dict[str, str]:
        if treatment not in self._known:
            self._known[treatment] = _known(self.vault, self._key_name, treatment)
        return self._known[treatment]

    def _remember(self) -> None:
        if not self._known.get(Personal.PSEUDONYM):
            self._known.pop(Personal.PSEUDONYM, None)  # perhaps of a vault that was not there yet
        known = self._known_of(Personal.PSEUDONYM)
        if len(known) < _MOST_KNOWN:
            known.update(self._new)
        self._new.clear()


def redact(value: object) -> object:
    """An unknown field's value with everything that may name a person taken out."""
    if isinstance(value, dict):
        return {
            key: REDACTED if _PERSONAL_KEY.search(key) else redact(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [redact(inner) for inner in value]
    return value


def redact_text(text: str, fields: tuple[str, ...]) -> str:
    """A broken JSON line with the values of personal fields masked, closing quote or not."""
    for field in fields:
        value = r'("(?:[^"\\]|\\.)*"?|[^,}\s]+)'
        text = re.sub(rf'("{field}"\s*:\s*){value}', rf'\1"{REDACTED}"', text)
    return text


# the same people come every day: most ids of a pull were hashed by this process before
_KNOWN: dict[tuple, dict[str, str]] = {}
_KNOWN_LOCK = threading.Lock()
_MOST_KNOWN = 60_000


def _known(vault: Path, key_name: str, treatment: Personal) -> dict[str, str]:
    """Clear id -> pseudonym, of ids this process has written to this very file already.

    Of ids that are never written there: of those it has seen.
    """
    try:
        file = vault.stat().st_ino
    except FileNotFoundError:
        return {}
    identity = (str(vault), file, key_name, treatment)
    with _KNOWN_LOCK:
        if identity not in _KNOWN or len(_KNOWN[identity]) >= _MOST_KNOWN:
            _KNOWN[identity] = {}
        return _KNOWN[identity]
