"""The landing as a place: a folder, or any fsspec address. Writes are atomic, or they raise."""

import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from siyu.errors import SiyuError

# bytes, or anything that gives its memory (a pyarrow buffer)
Buffer = bytes | memoryview


class StorageFullError(SiyuError):
    """There is no room left; nothing of the file remains."""


class Storage:
    """Files below one address, by paths relative to it.

    Local folders are handled without fsspec: listing thousands of small files is ten times
    cheaper that way.
    """

    def __init__(self, address: str) -> None:
        """Take a folder, `file://…`, or an fsspec address such as `s3://bucket/landing`."""
        self.is_local = "://" not in address or address.startswith("file://")
        if self.is_local:
            self.address = str(Path(address.removeprefix("file://")).expanduser().absolute())
            self._root = Path(self.address)
            self._fs = None
        else:
            import fsspec

            self._fs, root = fsspec.core.url_to_fs(address)
            self.address = address.rstrip("/")
            self._remote_root = root.rstrip("/")

    def full(self, path: str) -> str:
        """The address of a file, as DuckDB or pyarrow open it."""
        return f"{self.address}/{path}"

    def exists(self) -> bool:
        """Whether a local address is there; object stores have no folders to ask for."""
        return not self.is_local or self._root.is_dir()

    def folders(self) -> list[str]:
        """Names of the folders right below the address."""
        if self.is_local:
            with os.scandir(self._root) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        self._fs.invalidate_cache(self._remote_root)
        return sorted(
            entry["name"].rsplit("/", 1)[-1]
            for entry in self._fs.ls(self._remote_root, detail=True)
            if entry["type"] == "directory"
        )

    def read(self, path: str) -> bytes:
        """The whole file.

        Raises:
            FileNotFoundError: it is not there.
        """
        if self.is_local:
            return (self._root / path).read_bytes()
        return self._fs.cat_file(f"{self._remote_root}/{path}")

    def list_files(
        self, folder: str, suffix: str, *, are_replaced_whole: bool = False
    ) -> dict[str, tuple]:
        """Every file below a folder: path -> (size, stamp of its last change).

        Args:
            folder: relative to the address.
            suffix: how the files' names end.
            are_replaced_whole: no file is ever written to in place, so that a folder whose own
                time stands still needs no second look.
        """
        if self.is_local:
            found: dict[str, tuple] = {}
            look = _remembered if are_replaced_whole else _listing
            _scan(str(self._root / folder), f"{folder}/" if folder else "", suffix, found, look)
            return found
        root = f"{self._remote_root}/{folder}".rstrip("/")
        self._fs.invalidate_cache(root)
        try:
            entries = self._fs.find(root, detail=True)
        except FileNotFoundError:
            return {}
        cut = len(self._remote_root) + 1
        return {
            path[cut:]: (
                entry.get("size"),
                str(entry.get("LastModified") or entry.get("created") or ""),
            )
            for path, entry in entries.items()
            if path.endswith(suffix)
        }

    def write_atomically(self, path: str, content: Buffer) -> None:
        """Put a file there whole.

        Raises:
            StorageFullError: the disk or the quota is full.
        """
        with self.staged(path, has_folder=True) as temporary:
            try:
                temporary.write_bytes(content)
            except FileNotFoundError:
                # most files come into a folder that is there
                temporary.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_bytes(content)

    @contextmanager
    def staged(self, path: str, *, has_folder: bool = False) -> Iterator[Path]:
        """A local path to write to; on leaving it becomes the file, on an error it vanishes.

        Args:
            path: of the file.
            has_folder: its folder is there, or the caller makes it.

        Raises:
            StorageFullError: the disk or the quota is full.
        """
        if self.is_local:
            final = self._root / path
            # the same name each time: what a killed run left behind is overwritten by its rerun
            temporary = final.with_name(f".{final.name}.tmp")
        else:
            handle, name = tempfile.mkstemp(prefix="siyu-", suffix=".tmp")
            os.close(handle)
            final, temporary = None, Path(name)
        is_moved = False
        try:
            if final is not None and not has_folder:
                final.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if final is not None:
                temporary.replace(final)
                is_moved = True
            else:
                self._fs.put_file(str(temporary), f"{self._remote_root}/{path}")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFullError(
                    "There is no room left to land the data",
                    where=self.full(path),
                    action="free space there, then run the same command again; nothing of this "
                    "pull was committed",
                ) from error
            raise
        finally:
            if not is_moved:
                temporary.unlink(missing_ok=True)

    def remove(self, path: str) -> None:
        """Take a file away if it is there."""
        if self.is_local:
            (self._root / path).unlink(missing_ok=True)
        else:
            try:
                self._fs.rm_file(f"{self._remote_root}/{path}")
            except FileNotFoundError:
                return


_Listing = tuple[int, list[str], dict[str, tuple]]  # when changed, folders, file -> stamp
_LISTINGS: dict[str, _Listing] = {}
# a folder's time may stand still for a moment after a change (file systems' clocks are coarse)
_SETTLED_NS = 1_000_000_000


def _scan(
    folder: str,
    relative: str,
    suffix: str,
    found: dict[str, tuple],
    look: Callable[[str], _Listing],
) -> None:
    _, folders, files = look(folder)
    for name, stamp in files.items():
        if name.endswith(suffix):
            found[relative + name] = stamp
    for name in folders:
        _scan(f"{folder}/{name}", f"{relative}{name}/", suffix, found, look)


def _listing(folder: str) -> _Listing:
    folders, files = [], {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.name)
                else:
                    stat = entry.stat()
                    files[entry.name] = (stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError:
        return 0, [], {}
    return 0, folders, files


def _remembered(folder: str) -> _Listing:
    """As `_listing`; a folder in which no name came or went since is not looked into again."""
    known = _LISTINGS.get(folder)
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116 - thousands a day; a Path costs more
    except FileNotFoundError:
        return 0, [], {}
    if known and changed == known[0]:
        return known
    now = time.time_ns()
    found = (changed, *_listing(folder)[1:])
    if now - changed > _SETTLED_NS:
        _LISTINGS[folder] = found
    return found
