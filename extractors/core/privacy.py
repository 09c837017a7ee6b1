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
from contextlib import contextmanager
from pathlib import Path

import orjson

from extractors.core.stream import Personal

PSEUDONYM_LENGTH = 32
BLOCK = 64  # of SHA-256
# ids that wait for the vault; more are written while the pull goes on
MOST_WAITING = 25_000
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
        self._new: dict[str, str] = {}
        self._is_waiting = False
        # HMAC by hand, its two padded keys made once: half the time of hmac.digest per id
        padded = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
        self._inner = bytes(byte ^ 0x36 for byte in padded)
        self._outer = bytes(byte ^ 0x5C for byte in padded)

    def pseudonym(self, clear_id: str) -> str:
        """The pseudonym of an id: the same for every source and every kind of id."""
        sha = hashlib.sha256
        inner = sha(self._inner + clear_id.encode()).digest()
        return sha(self._outer + inner).hexdigest()[:PSEUDONYM_LENGTH]

    def pseudonyms(self, clear_ids: list, treatment: Personal) -> list[str | None]:
        """Pseudonyms of a column; missing and empty ids stay missing."""
        sha, inner, outer, new = hashlib.sha256, self._inner, self._outer, self._new
        known = _known(self.vault)
        keep = treatment == Personal.PSEUDONYM
        result: list[str | None] = []
        for clear_id in clear_ids:
            if not clear_id:
                result.append(None)
                continue
            clear = str(clear_id)
            pseudonym = sha(outer + sha(inner + clear.encode()).digest()).hexdigest()[
                :PSEUDONYM_LENGTH
            ]
            if keep and pseudonym not in known:
                new[pseudonym] = clear
            result.append(pseudonym)
        if len(new) > MOST_WAITING:
            self._wait()
        return result

    def save(self) -> int:
        """Write the ids that the vault lacks, in one transaction; returns how many were new."""
        if not self._new and not self._is_waiting:
            return 0
        with self._opened() as connection, connection:
            # one statement over JSON takes a third of `executemany`; in the order of the tree
            added = connection.execute(
                "insert or ignore into ids select key, value from json_each(?) order by key",
                (orjson.dumps(self._new).decode(),),
            ).rowcount
            # also what a killed pull left there
            if connection.execute("select 1 from sqlite_master where name = 'waiting'").fetchone():
                added += connection.execute(
                    "insert or ignore into ids "
                    "select pseudonym, clear_id from waiting order by pseudonym"
                ).rowcount
                connection.execute("drop table waiting")
        self._remember()
        self._is_waiting = False
        return added

    def _wait(self) -> None:
        """Put ids aside in the vault, unsorted.

        Millions of ids, each put in its place at once, would rewrite the whole tree again and
        again; sorted by `save`, they are written in one go.
        """
        with self._opened() as connection, connection:
            connection.execute(
                "create table if not exists waiting "
                "(pseudonym text not null, clear_id text not null)"
            )
            connection.execute(
                "insert into waiting select key, value from json_each(?)",
                (orjson.dumps(self._new).decode(),),
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
            connection.execute(
                "create table if not exists ids (pseudonym text primary key, "
                "clear_id text not null) without rowid"
            )
            yield connection
        finally:
            connection.close()

    def _remember(self) -> None:
        _known(self.vault).update(self._new)
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


_KNOWN: dict[tuple, set[str]] = {}
_KNOWN_LOCK = threading.Lock()
_KNOWN_LIMIT = 100_000


def _known(vault: Path) -> set[str]:
    """Ids this process has written to this very file already."""
    try:
        identity = (str(vault), vault.stat().st_ino)
    except FileNotFoundError:
        identity = (str(vault), 0)
    with _KNOWN_LOCK:
        if identity not in _KNOWN or len(_KNOWN[identity]) > _KNOWN_LIMIT:
            _KNOWN[identity] = set()
        return set() if identity[1] == 0 else _KNOWN[identity]
