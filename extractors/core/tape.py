"""The raw pages of a pull: kept while it runs, put into quarantine when the stream cannot be read.

Pages hold personal data in clear, and which field holds it is exactly what a changed schema makes
doubtful: so they are encrypted, not pseudonymised (docs/decisions/0007). The key is derived from
`SIYU_PSEUDONYM_KEY`. While a pull runs its pages wait in a file without a name, which ends with it.
"""

import hashlib
import os
import struct
import tempfile
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import IO, TYPE_CHECKING

import orjson
import pyarrow as pa

from siyu.errors import SiyuError, UsageError

if TYPE_CHECKING:
    from extractors.core.storage import Storage

IN_MEMORY = 1 * 2**20
# compressing a smaller page costs more than it saves
WORTH_PACKING = 4 * 2**10
SUFFIX = ".pages"
_FRAME = struct.Struct("<II")  # length of the page as it lies here, and of the page
_BLOCK = struct.Struct("<I")
BLOCK_BYTES = 2**20
_NONCE_BYTES = 12
_KEY_PURPOSE = b"siyu quarantine"


@dataclass(frozen=True)
class Header:
    """What a quarantined pull was; readable without the key, so nothing personal is in here."""

    source: str
    stream: str
    account: str
    run_id: str
    as_of: datetime
    dates: tuple[date, ...]
    is_explicit: bool
    reason: str
    pages: int = 0

    @classmethod
    def from_json(cls, text: bytes) -> "Header":
        """A header from its line."""
        raw = orjson.loads(text)
        raw["as_of"] = datetime.fromisoformat(raw["as_of"])
        raw["dates"] = tuple(map(date.fromisoformat, raw["dates"]))
        return cls(**raw)


def label(method: str, path: str, query: object, body: object) -> bytes:
    """Names a question, without what differs from one asking to the next (tokens, nonces)."""
    text = repr(body) if isinstance(body, bytes) else body
    return orjson.dumps(
        [method, path, query or {}, text], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    )


class Tape:
    """Writes down the answers that a pull was given."""

    is_replay = False

    def __init__(self) -> None:
        """Nothing is on disk before there is much."""
        self._file: IO[bytes] | None = None
        self._codec = pa.Codec("zstd", compression_level=1)
        self._lock = threading.Lock()
        self.pages = 0

    def record(self, question: bytes, content: bytes) -> None:
        """Keep an answer."""
        packed = content
        if len(content) >= WORTH_PACKING:
            packed = min(self._codec.compress(content, asbytes=True), content, key=len)
        with self._lock:
            if self._file is None:
                self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - see close
            for part, size in ((question, len(question)), (packed, len(content))):
                self._file.write(_FRAME.pack(len(part), size))
                self._file.write(part)
            self.pages += 1

    def quarantine(self, storage: "Storage", path: str, header: Header, key: bytes) -> None:
        """Put every answer aside, encrypted, in one atomic step."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(_cipher_key(key))
        first = orjson.dumps(asdict(header) | {"pages": self.pages})
        with self._lock, storage.staged(path) as temporary, temporary.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(first + b"\n")
            self._file.seek(0)
            number = 0
            while block := self._file.read(BLOCK_BYTES):
                nonce = os.urandom(_NONCE_BYTES)
                # bound to the header and its place: blocks cannot be swapped or left out unseen
                sealed = cipher.encrypt(nonce, block, first + b"%d" % number)
                file.write(_BLOCK.pack(len(sealed)) + nonce + sealed)
                number += 1
            self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Let the pages go."""
        if self._file is not None:
            self._file.close()


class Replay:
    """Gives the answers of a quarantined pull again."""

    is_replay = True

    def __init__(self, storage: "Storage", path: str, key: bytes) -> None:
        """Open a quarantined pull.

        Raises:
            UsageError: there is none at this path.
            SiyuError: it was encrypted with another key, or is damaged.
        """
        self.path = path
        self.header, self._file = _opened(storage, path, key)
        self._answers: dict[bytes, deque[tuple[int, int, int]]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._codec = pa.Codec("zstd")
        for question, place in self._index():
            self._answers[question].append(place)

    @property
    def pages(self) -> int:
        """How many answers it holds."""
        return self.header.pages

    def answer(self, question: bytes, where: str) -> bytes:
        """The next answer that was given to a question; the last one again, after it.

        Raises:
            SiyuError: this was not asked.
        """
        with self._lock:
            places = self._answers.get(question)
            if not places:
                raise SiyuError(
                    "The stream asks for a page that is not in quarantine",
                    where=f"{where} {self.path}",
                    action="if the stream now asks otherwise than it did, pull the window from the "
                    "source instead: siyu pull --from … --to …",
                )
            at, packed, size = places.popleft() if len(places) > 1 else places[0]
            self._file.seek(at)
            content = self._file.read(packed)
        # as long as the page itself: it lies here as it came
        return self._codec.decompress(content, size, asbytes=True) if packed != size else content

    def close(self) -> None:
        """Let the pages go."""
        self._file.close()

    def _index(self) -> Iterator[tuple[bytes, tuple[int, int, int]]]:
        self._file.seek(0)
        while head := self._file.read(_FRAME.size):
            question = self._file.read(_FRAME.unpack(head)[0])
            packed, size = _FRAME.unpack(self._file.read(_FRAME.size))
            yield question, (self._file.tell(), packed, size)
            self._file.seek(packed, os.SEEK_CUR)


def headers(storage: "Storage", folder: str) -> dict[str, Header]:
    """Every quarantined pull: path -> what it was."""
    return {
        path: Header.from_json(storage.read(path).split(b"\n", 1)[0])
        for path in sorted(storage.list_files(folder, SUFFIX))
    }


def _opened(storage: "Storage", path: str, key: bytes) -> tuple[Header, IO[bytes]]:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        content = memoryview(storage.read(path))
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(
            "There is no quarantined pull at this path",
            where=storage.full(path),
            action="give the path that the failed pull named, relative to the landing",
        ) from None
    first = bytes(content[:BLOCK_BYTES]).partition(b"\n")[0]
    cipher, at, number = AESGCM(_cipher_key(key)), len(first) + 1, 0
    plain: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller's
    try:
        header = Header.from_json(first)
        while at < len(content):
            (size,) = _BLOCK.unpack(content[at : at + _BLOCK.size])
            at += _BLOCK.size
            nonce = bytes(content[at : at + _NONCE_BYTES])
            at += _NONCE_BYTES
            plain.write(cipher.decrypt(nonce, content[at : at + size], first + b"%d" % number))
            at, number = at + size, number + 1
    except (KeyError, TypeError):  # a JSON line, and not a header: rejected rows lie here too
        plain.close()
        raise UsageError(
            "These are rejected rows, not a quarantined pull",
            where=storage.full(path),
            action="correct the stream, then pull the window again: siyu pull --from … --to …",
        ) from None
    except (InvalidTag, ValueError, struct.error):
        plain.close()
        raise SiyuError(
            "The quarantined pages cannot be opened: another key, or a damaged file",
            where=storage.full(path),
            action="set SIYU_PSEUDONYM_KEY as it was when they were pulled, or restore the file",
        ) from None
    return header, plain


def _cipher_key(key: bytes) -> bytes:
    return hashlib.blake2b(_KEY_PURPOSE, key=key[:64], digest_size=32).digest()
