"""Writing files so that a reader, or the run after a crash, never sees half of one."""

import os
from pathlib import Path
from uuid import uuid4

from siyu.errors import SiyuError


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing: a temporary file beside it, synced, then renamed.

    Raises:
        SiyuError: the disk is full or the folder cannot be written; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SiyuError(
            f"A file cannot be written ({error.strerror})",
            where=str(path),
            action="free disk space or correct the folder's permissions, then run again",
        ) from error


def append_line(path: Path, line: str) -> None:
    """Append one line durably; a torn last line of a crashed writer is closed off first.

    Raises:
        SiyuError: the line cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SiyuError(
            f"A line cannot be appended ({error.strerror})",
            where=str(path),
            action="free disk space or correct the folder's permissions",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
