"""The object store that page events are dropped into: list, read, unpack."""

import re
import zlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from extractors.core.context import PullContext
from extractors.core.storage import Storage
from extractors.core.vendor import option
from siyu.calendar import start_of
from siyu.errors import SiyuError

SUFFIX = ".jsonl.gz"
_DELIVERED = re.compile(r"(?:^|/)dt=(\d{4}-\d{2}-\d{2})/hour=(\d{2})/")


class Drop(NamedTuple):
    """One object; delivery day and hour are in its path."""

    path: str
    delivery_date: date
    hour: int


class DropFolder:
    """Objects below an account's drop address, a folder or any fsspec address."""

    def __init__(self, pull: PullContext) -> None:
        """Take the address from the account."""
        self.storage = Storage(option(pull, "drop_address"))
        self._clock, self._where = pull.clock, pull.where
        self.requests = 0

    def drops(self, since: date | None = None) -> list[Drop]:
        """Every object whose delivery hour has begun, in the order of delivery.

        Args:
            since: skip the folders of earlier delivery dates, where there are day folders.

        Raises:
            SiyuError: the folder is not there or cannot be listed.
        """
        self.requests += 1
        if self.storage.is_local and not self.storage.exists():
            raise SiyuError(
                "The drop folder does not exist",
                where=self.storage.address,
                action="check `drop_address` in the accounts file and that the folder "
                "is mounted on this machine",
            )
        found = []
        for path in self._paths(since):
            if not (match := _DELIVERED.search(path)):
                continue
            drop = Drop(path, date.fromisoformat(match[1]), int(match[2]))
            begins = start_of(drop.delivery_date) + timedelta(hours=drop.hour)
            # asked as of an earlier moment, later drops are not there yet
            if begins <= self._clock.as_of:
                found.append(drop)
        return sorted(found, key=lambda drop: (drop.delivery_date, drop.hour, drop.path))

    def _paths(self, since: date | None) -> Iterator[str]:
        if since is None:
            yield from self.storage.list_files("", SUFFIX)
            return
        for folder in self.storage.folders():
            if folder.removeprefix("dt=") >= since.isoformat():
                yield from self.storage.list_files(folder, SUFFIX)

    def lines(self, drop: Drop) -> tuple[list[bytes], bool]:
        """Lines of an object, and whether it ends before its end (a broken upload)."""
        self.requests += 1
        packed, unpacked, is_whole = self.storage.read(drop.path), b"", False
        while packed:  # an object may hold several gzip members, one after the other
            member = zlib.decompressobj(wbits=31)
            try:
                unpacked += member.decompress(packed)
            except zlib.error:
                return unpacked.splitlines(), True
            is_whole, packed = member.eof, member.unused_data
        return unpacked.splitlines(), not is_whole


def connect(pull: PullContext) -> DropFolder:
    """The client of a pull."""
    return DropFolder(pull)
