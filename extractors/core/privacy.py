"""Personal ids become keyed hashes before anything lands; a vault maps them back.

The vault is a SQLite file that its owner alone can read. Extractors write it in one batch per pull
and only for ids they have not written before; warehouse and gates never open it.
"""

import hmac
import os
import re
import sqlite3
import threading
from pathlib import Path

from extractors.core.stream import Personal

PSEUDONYM_LENGTH = 32
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
        self._key, self.vault = key, vault
        self._new: dict[str, str] = {}

    def pseudonym(self, clear_id: str) -> str:
        """The pseudonym of an id: the same for every source and every kind of id."""
        return hmac.digest(self._key, clear_id.encode(), "sha256").hex()[:PSEUDONYM_LENGTH]

    def pseudonyms(self, clear_ids: list, treatment: Personal) -> list[str | None]:
        """Pseudonyms of a column; missing and empty ids stay missing."""
        digest, key, new = hmac.digest, self._key, self._new
        known = _known(self.vault)
        keep = treatment == Personal.PSEUDONYM
        result: list[str | None] = []
        for clear_id in clear_ids:
            if not clear_id:
                result.append(None)
                continue
            clear = str(clear_id)
            pseudonym = digest(key, clear.encode(), "sha256").hex()[:PSEUDONYM_LENGTH]
            if keep and pseudonym not in known:
                new[pseudonym] = clear
            result.append(pseudonym)
        return result

    def save(self) -> int:
        """Write the ids that the vault lacks, in one transaction; returns how many were new."""
        if not self._new:
            return 0
        self.vault.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # made before SQLite opens it, because SQLite would make it readable by others
        os.close(os.open(self.vault, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.vault, timeout=60)
        try:
            with connection:
                connection.execute(
                    "create table if not exists ids (pseudonym text primary key, "
                    "clear_id text not null) without rowid"
                )
                before = connection.total_changes
                connection.executemany("insert or ignore into ids values (?, ?)", self._new.items())
                added = connection.total_changes - before
        finally:
            connection.close()
        _known(self.vault).update(self._new)
        self._new.clear()
        return added


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
_KNOWN_LIMIT = 2_000_000


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
