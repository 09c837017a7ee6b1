"""The object store that page events are dropped into: list, read, unpack."""

import re
import zlib
from datetime import date, datetime, timedelta
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
    size: int
    changed: str

    def stamp(self, *, is_flawed: bool) -> str:
        """What tells a replacement from the object that was read.

        Of an object in which something could not be read, also the time of its change: compressed,
        a line that was cut can be as long as the whole one. Not of the others: an archive that is
        moved gets new times.
        """
        return f"{self.size}@{self.changed}" if is_flawed else str(self.size)

    @property
    def begins_at(self) -> datetime:
        """The moment its hour of delivery begins."""
        return start_of(self.delivery_date) + timedelta(hours=self.hour)


class DropFolder:
    """Objects below an account's drop address, a folder or any fsspec address."""

    def __init__(self, pull: PullContext) -> None:
        """Take the address from the account."""
        self.storage = Storage(option(pull, "drop_address"))
        self._clock, self._where = pull.clock, pull.where
        self.requests = 0

    def drops(self) -> list[Drop]:
        """Every object whose delivery hour has begun, in the order of delivery.

        The whole folder is listed, however old: what is uploaded days late, into the folder of the
        hour it was meant for, is found like everything else.

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
        for path, (size, changed) in self.storage.list_files("", SUFFIX).items():
            if match := _DELIVERED.search(path):
                day, hour = date.fromisoformat(match[1]), int(match[2])
                found.append(Drop(path, day, hour, size, str(changed)))
        # asked as of an earlier moment, later drops are not there yet
        found = [drop for drop in found if drop.begins_at <= self._clock.as_of]
        return sorted(found, key=lambda drop: (drop.delivery_date, drop.hour, drop.path))

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
