"""Events between their receipt and their landing: append-only files that a kill leaves whole.

`<home>/spool/wecom/<account>/<hour>.jsonl`, readable by the owner alone: ids lie here in clear.
An event is on disk before WeCom is told so. A file goes once every event in it lies in the landing
under a commit of the manifest; until then a landing that died is simply repeated. Writer and
remover exclude each other by a lock on the file, and the writer checks that the file it locked is
still the one under that name.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import orjson

SUFFIX = ".jsonl"


def spool_folder(home: Path, account: str) -> Path:
    """Where an account's events wait."""
    return home / "spool" / "wecom" / account


class Spool:
    """The waiting events of one account."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made before the first event."""
        self.folder = folder

    def append(self, event: dict, received_at: datetime) -> None:
        """Put an event on disk; when this returns, it survives a loss of power.

        Raises:
            OSError: it could not be written; it must not be acknowledged then.
        """
        line = orjson.dumps({"received_at": received_at, "event": event}) + b"\n"
        path = self.folder / f"{received_at:%Y%m%dT%H}{SUFFIX}"
        is_new_folder = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if is_new_folder:
            _sync_folder(self.folder.parent)
        with _locked(path, create=True) as handle:
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                line = b"\n" + line  # what was cut off by a loss of power was never acknowledged
            try:
                _write(handle, line)
            except OSError:
                os.ftruncate(handle, size)  # a full disk: leave no half line
                raise
            os.fsync(handle)
            if not size:
                _sync_folder(self.folder)

    def check(self) -> None:
        """See whether there is room and right to write.

        Raises:
            OSError: there is not.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = self.folder / ".probe"
        with probe.open("wb") as file:
            file.write(b"x")
        probe.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """The files, oldest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}")) if self.folder.exists() else []

    def read(self, path: Path) -> tuple[list[dict], int]:
        """The records of a file, and how many lines are none."""
        return _records(path.read_bytes())

    def remove_if(self, path: Path, is_done: Callable[[dict], bool]) -> bool:
        """Take a file away if every record in it is done with; never one that is being written."""
        try:
            with _locked(path, create=False) as handle:
                content = os.pread(handle, os.fstat(handle).st_size, 0)
                records, _ = _records(content)
                if not all(is_done(record) for record in records):
                    return False
                path.unlink()
                return True
        except FileNotFoundError:
            return False


def _records(content: bytes) -> tuple[list[dict], int]:
    records, broken = [], 0
    for line in content.splitlines():
        try:
            record = orjson.loads(line)
            datetime.fromisoformat(record["received_at"])
            event = record["event"]
        except (ValueError, TypeError, KeyError):
            broken += bool(line)
            continue
        if isinstance(event, dict):
            records.append(record)
        else:
            broken += 1
    return records, broken


@contextlib.contextmanager
def _locked(path: Path, *, create: bool) -> Iterator[int]:
    """The file under this name, open and locked; gone in between, it is opened anew."""
    flags = os.O_RDWR | (os.O_CREAT | os.O_APPEND if create else 0)
    while True:
        handle = os.open(path, flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_still_at(path, handle):
                yield handle
                return
        finally:
            os.close(handle)


def _is_still_at(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
