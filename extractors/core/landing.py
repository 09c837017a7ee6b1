"""Writes a pull's rows: one zstd Parquet file per event date, typed, sorted by key."""

import hashlib
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from extractors.core.manifest import LandedFile
from extractors.core.parse import memory_schema
from extractors.core.storage import Storage
from extractors.core.stream import DAY, TECHNICAL_COLUMNS, Stream

ROWS_PER_GROUP = 250_000
# below it, dictionaries and statistics cost more time and space than they save
SMALL_ROWS = 1000


class Landing:
    """The files of one pull. Nothing counts before the manifest names it."""

    def __init__(
        self, stream: Stream, account: str, pulled_at: datetime, run_id: str, storage: Storage
    ) -> None:
        """Keep what every file of the pull shares."""
        self.stream, self.account, self.storage = stream, account, storage
        self.pulled_at, self.run_id = pulled_at, run_id
        self.table = memory_schema(stream).empty_table()
        self._parts: list[pa.Table] = []
        self._bounds: dict[date, tuple[int, int]] = {}
        self._written: list[str] = []

    def add(self, table: pa.Table) -> None:
        """Take typed rows, their event dates in `_day`."""
        self._parts.append(table)

    def collect(self) -> list[date]:
        """Put together what was taken, sorted by date and key; returns the dates.

        All dates are sorted and typed as one table: thirty small ones cost thirty times as much.
        """
        if self._parts:
            table = pa.concat_tables([self.table, *self._parts])
            keys = [DAY, *self.stream.primary_key]
            self.table = table.sort_by([(key, "ascending") for key in keys]).combine_chunks()
            self._parts = []
            ordinals = self.table[DAY].cast(pa.int32()).to_numpy()
            starts = np.flatnonzero(np.diff(ordinals, prepend=-1)).tolist()
            ends = [*starts[1:], len(ordinals)] if starts else []
            days = self.table[DAY].take(pa.array(starts, pa.int64())).to_pylist()
            self._bounds = {
                day: (start, end - start)
                for day, start, end in zip(days, starts, ends, strict=True)
            }
        return list(self._bounds)

    def day(self, day: date) -> pa.Table:
        """The collected rows of a date."""
        return self.table.slice(*self._bounds.get(day, (0, 0)))

    def write(self) -> list[LandedFile]:
        """Write every date's file.

        Raises:
            StorageFullError: no room; the caller aborts.
        """
        days = self.collect()
        names = self.stream.schema.names
        payload = self.table.select([*names, "_extra"])
        rows = self.table.num_rows
        landed = self.table.select(names)
        values = (self.account, self.pulled_at, self.run_id)
        for column, value in zip(TECHNICAL_COLUMNS, values, strict=False):
            landed = landed.append_column(column, pa.repeat(pa.scalar(value, column.type), rows))
        landed = landed.append_column(TECHNICAL_COLUMNS[-1], self.table["_extra"])
        files = []
        for day in days:
            bounds = self._bounds[day]
            content = parquet(landed.slice(*bounds))
            path = self.path(day)
            self._written.append(path)
            self.storage.write_atomically(path, content)
            files.append(
                LandedFile(path, day, bounds[1], len(content), content_hash(payload.slice(*bounds)))
            )
        return files

    def path(self, day: date) -> str:
        """Where a date's file lies, relative to the landing."""
        return (
            f"{self.stream.source}/{self.stream.name}/event_date={day}/"
            f"{self.account}-{self.pulled_at:%Y%m%dT%H%M%SZ}-{self.run_id}.parquet"
        )

    def abort(self) -> None:
        """Take away what this pull wrote: it will not be committed."""
        for path in self._written:
            self.storage.remove(path)


def parquet(table: pa.Table) -> pa.Buffer:
    """The file's bytes. One write of a buffer is cheaper than the many small ones of a writer."""
    buffer = pa.BufferOutputStream()
    is_large = table.num_rows >= SMALL_ROWS
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        store_schema=False,
        row_group_size=ROWS_PER_GROUP,
        use_dictionary=is_large,
        write_statistics=is_large,
    )
    return buffer.getvalue()


def content_hash(table: pa.Table) -> str:
    """Hash of the vendor's own values: the same payload pulled again has the same hash."""
    digest = hashlib.blake2b(digest_size=12)
    for batch in table.to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()


def schema_fingerprint(stream: Stream) -> str:
    """Changes when a stream's declared columns or types do."""
    described = ";".join(
        f"{field.name}:{field.type}" for field in (*stream.schema, *TECHNICAL_COLUMNS)
    )
    return hashlib.sha256(described.encode()).hexdigest()[:12]
