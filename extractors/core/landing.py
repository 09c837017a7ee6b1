"""Writes a pull's rows: one zstd Parquet file per event date, typed, sorted by key."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extractors.core import spill
from extractors.core.manifest import LandedFile
from extractors.core.parse import memory_schema
from extractors.core.spill import Runs
from extractors.core.storage import Storage
from extractors.core.stream import DAY, TECHNICAL_COLUMNS, Stream

ROWS_PER_GROUP = 250_000
# a large day's rows are hashed in pieces of this size, however it was cut into parts
ROWS_PER_HASH = 16_384
# below it, dictionaries and statistics cost more time and space than they save
SMALL_ROWS = 1000


class Landing:
    """The files of one pull. Nothing counts before the manifest names it.

    Rows wait in memory until they are too many; then they become runs on disk (`spill`), so that a
    pull of any size needs the same memory.
    """

    def __init__(
        self,
        stream: Stream,
        account: str,
        pulled_at: datetime,
        run_id: str,
        storage: Storage,
        before: Mapping[date, LandedFile] = MappingProxyType({}),
    ) -> None:
        """Keep what every file of the pull shares.

        Args:
            stream: whose rows.
            account: of whom.
            pulled_at: as of when.
            run_id: by which pull.
            storage: the landing.
            before: the files that readers have of each day now. A day that says the same again
                needs no second file: the commit names the first.
        """
        self.stream, self.account, self.storage = stream, account, storage
        self.pulled_at, self.run_id = pulled_at, run_id
        self._before = before
        self._table = memory_schema(stream).empty_table()
        self._parts: list[pa.Table] = []
        self._bytes = 0
        self._bounds: dict[date, tuple[int, int]] = {}
        self.copies = 0  # rows equal to another one in every value, left out
        self.repeated_keys = 0  # rows that share their key with another one and differ from it
        self._runs: Runs | None = None
        self._written: list[str] = []
        self._lock = threading.Lock()

    @property
    def table(self) -> pa.Table:
        """Every collected row; of a large pull, this is as large as the pull."""
        if self._runs is None:
            return self._table
        return pa.concat_tables([self._table, *(self.day(day) for day in self.collect())])

    def add(self, table: pa.Table) -> None:
        """Take typed rows, their event dates in `_day`."""
        with self._lock:
            self._parts.append(table)
            self._bytes += table.nbytes
            if self._bytes > spill.BYTES_IN_MEMORY:
                self._spill()

    def collect(self) -> list[date]:
        """Put together what was taken, sorted by date and key; returns the dates.

        All dates are sorted and typed as one table: thirty small ones cost thirty times as much.
        """
        with self._lock:
            if self._runs is not None:
                if self._parts:
                    self._spill()
                return self._runs.days()
            if self._parts:
                table = pa.concat_tables([self._table, *self._parts])
                self._table = spill.sorted_by_key(table, self.stream.primary_key)
                self._parts = []
                self._bounds = spill.bounds_of(self._table[DAY])
            return list(self._bounds)

    def day(self, day: date) -> pa.Table:
        """The collected rows of a date."""
        if self._runs is not None:
            return pa.concat_tables([self._table, *self._runs.parts(day)])
        return self._table.slice(*self._bounds.get(day, (0, 0)))

    def parts(self, day: date, *, is_sorted: bool = True) -> Iterator[pa.Table]:
        """The collected rows of a date, in parts that fit into memory."""
        if self._runs is not None:
            yield from self._runs.parts(day, is_sorted=is_sorted)
        else:
            yield self.day(day)

    def repeats(self, days: Iterable[date]) -> int:
        """How many rows of these dates repeat the primary key of another."""
        self.collect()
        key = self.stream.primary_key
        if self._runs is None:
            asked = sorted(self._bounds.keys() & set(days))
            if len(asked) == len(self._bounds):
                return spill.repeated_keys(self._table, key)
            return sum(spill.repeated_keys(self.day(day), key) for day in asked)
        keys = [DAY, *key]
        return sum(
            part.num_rows - part.group_by(keys).aggregate([]).num_rows
            for day in days
            for part in self.parts(day, is_sorted=False)
        )

    def drop(self, days: Iterable[date]) -> None:
        """Forget the rows of these dates: they are read again."""
        gone = set(days) & set(self.collect())
        if self._runs is not None:
            self._runs.drop(gone)
        elif gone:
            outside = pc.invert(pc.is_in(self._table[DAY], pa.array(sorted(gone), pa.date32())))
            self._table = self._table.filter(outside).combine_chunks()
            self._bounds = spill.bounds_of(self._table[DAY])

    def _spill(self) -> None:
        if self._runs is None:
            self._runs = Runs(self.stream.primary_key)
        self._runs.add(pa.concat_tables([self._table, *self._parts]))
        self._table, self._bounds = self._table.slice(0, 0), {}
        self._parts, self._bytes = [], 0
        pa.default_memory_pool().release_unused()

    def write(self, on_part: Callable[[pa.Table], None] | None = None) -> list[LandedFile]:
        """Write every date's file.

        Args:
            on_part: sees all rows, in parts: whole dates of a pull that fits into memory, else
                what of a date fits.

        Raises:
            StorageFullError: no room; the caller aborts.
        """
        days = self.collect()
        if self._runs is not None:
            return [self._write_large(day, on_part) for day in days]
        table, self.repeated_keys = spill.without_copies(self._table, self.stream.primary_key)
        self.copies = self._table.num_rows - table.num_rows
        if self.copies:
            self._table, self._bounds = table, spill.bounds_of(table[DAY])
        if on_part:
            on_part(self._table)
        names = self.stream.schema.names
        payload = self._table.select([*names, "_extra"])
        landed = self._landed(self._table)
        files = []
        for day in days:
            bounds = self._bounds[day]
            digest = content_hash(payload.slice(*bounds))
            if (same := self._before.get(day)) and same.content_hash == digest:
                files.append(same)
                continue
            content = parquet(landed.slice(*bounds))
            path = self.path(day)
            self._written.append(path)
            self.storage.write_atomically(path, content)
            files.append(LandedFile(path, day, bounds[1], len(content), digest))
        return files

    def _write_large(self, day: date, on_part: Callable[[pa.Table], None] | None) -> LandedFile:
        path, rows, digest = self.path(day), 0, _Digest()
        self._written.append(path)
        with self.storage.staged(path) as temporary:
            writer = None
            try:
                for found in self._runs.parts(day):
                    part, repeated = spill.without_copies(found, self.stream.primary_key)
                    self.copies += found.num_rows - part.num_rows
                    self.repeated_keys += repeated
                    if on_part:
                        on_part(part)
                    digest.add(part.select([*self.stream.schema.names, "_extra"]))
                    landed = self._landed(part)
                    writer = writer or pq.ParquetWriter(
                        temporary, landed.schema, compression="zstd", store_schema=False
                    )
                    writer.write_table(landed, row_group_size=ROWS_PER_GROUP)
                    rows += part.num_rows
                    del landed, part
                    # what the allocator keeps for later counts as ours
                    pa.default_memory_pool().release_unused()
            finally:
                if writer:
                    writer.close()
            size = temporary.stat().st_size
        return LandedFile(path, day, rows, size, digest.hexdigest())

    def _landed(self, table: pa.Table) -> pa.Table:
        """Rows as files hold them: the stream's columns and the technical ones."""
        landed = table.select(self.stream.schema.names)
        values = (self.account, self.pulled_at, self.run_id)
        for column, value in zip(TECHNICAL_COLUMNS, values, strict=False):
            same = pa.repeat(pa.scalar(value, column.type), table.num_rows)
            landed = landed.append_column(column, same)
        return landed.append_column(TECHNICAL_COLUMNS[-1], table["_extra"])

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
        self.close()

    def close(self) -> None:
        """Let go of what lies outside the landing."""
        if self._runs is not None:
            self._runs.close()


class _Digest:
    """The content hash of rows that come in parts: the same rows, however cut, hash the same."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=12)
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows += table.num_rows
        while self._rows >= ROWS_PER_HASH:
            self._take(ROWS_PER_HASH)
        if self._rows < table.num_rows:
            # a copy of what is left: a slice would keep the whole part in memory
            left = pa.concat_tables(self._waiting).combine_chunks()
            self._waiting = [left.take(pa.array(np.arange(self._rows)))]

    def _take(self, rows: int) -> None:
        waiting = pa.concat_tables(self._waiting)
        [batch] = waiting.slice(0, rows).combine_chunks().to_batches()
        self.take(batch)
        self._waiting, self._rows = [waiting.slice(rows)], self._rows - rows

    def take(self, batch: pa.RecordBatch) -> None:
        """Hash a piece; the caller cuts pieces as `add` does."""
        nulls = [column.null_count for column in batch.columns]
        empty = [n for n, count in enumerate(nulls) if count == batch.num_rows]
        names = batch.schema.names
        self._digest.update(repr([names[n] for n in empty]).encode())
        if empty:
            batch = batch.select([n for n in range(len(names)) if nulls[n] < batch.num_rows])
        if sum(nulls) > len(empty) * batch.num_rows:
            # a slice's last byte of null marks holds its neighbours' too: a copy's does not
            batch = batch.take(pa.array(np.arange(batch.num_rows)))
        self._digest.update(batch.serialize())

    def hexdigest(self) -> str:
        if self._rows:
            self._take(self._rows)
        return self._digest.hexdigest()


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
    digest = _Digest()
    if 0 < table.num_rows <= ROWS_PER_HASH and len(batches := table.to_batches()) == 1:
        digest.take(batches[0])  # most days are small and in one piece
    else:
        digest.add(table)
    return digest.hexdigest()


def schema_fingerprint(stream: Stream) -> str:
    """Changes when a stream's declared columns or types do."""
    described = ";".join(
        f"{field.name}:{field.type}" for field in (*stream.schema, *TECHNICAL_COLUMNS)
    )
    return hashlib.sha256(described.encode()).hexdigest()[:12]
