"""Rows of a pull that are too many for memory: kept on disk in runs, put together day by day.

A run is what fitted into memory, sorted by event date and the key's most telling column. A day that
fits into memory is read from all runs and sorted whole; a larger one is cut at keys, so that each
part fits and the parts follow one another: the file is sorted all the same.
"""

import tempfile
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.stream import DAY

# what may wait in memory before it becomes a run
BYTES_IN_MEMORY = 8 * 2**20
# a date's rows are read back in parts of about half that size: sorting and writing copies them
PARTS_PER_FILL = 2
# small: a part is put together from batches of every run, each read whole
BATCH_ROWS = 1024
# below it, Python compares faster than the start of a vector operation takes
FEW_ROWS = 64


class Runs:
    """The runs of one pull, in a temporary folder that ends with them."""

    def __init__(self, key: tuple[str, ...]) -> None:
        """Take the primary key."""
        self.key = key
        self.lead = ""  # the key's column with the most values: chosen by the first run
        self._folder = tempfile.TemporaryDirectory(prefix="siyu-runs-")
        self._runs: list[_Run] = []

    def add(self, table: pa.Table) -> None:
        """Put rows on disk."""
        if not self.lead:
            # a key's first column is often the same all over (the account)
            self.lead = max(self.key, key=lambda k: (pc.count_distinct(table[k]).as_py(), k))
        table = table.sort_by([(DAY, "ascending"), (self.lead, "ascending")])
        path = Path(self._folder.name, f"{len(self._runs)}.arrow")
        self._runs.append(_Run(path, table, self.lead))

    def days(self) -> list[date]:
        """Event dates that have rows."""
        return sorted({day for run in self._runs for day in run.bounds})

    def drop(self, days: set[date]) -> None:
        """Forget the rows of these dates."""
        for run in self._runs:
            for day in days & run.bounds.keys():
                del run.bounds[day]

    def parts(self, day: date, *, is_sorted: bool = True) -> Iterator[pa.Table]:
        """A date's rows in parts that fit into memory, one after the other by key.

        Args:
            day: the date.
            is_sorted: sort each part too; equal keys are in one part anyway.
        """
        cuts = self._cuts(day)
        for low, high in zip([None, *cuts], [*cuts, None], strict=True):
            found = [run.between(day, low, high) for run in self._runs if day in run.bounds]
            part = pa.concat_tables(found) if found else None
            if part:
                yield sorted_by_key(part, self.key) if is_sorted else part

    def close(self) -> None:
        """Take the files away."""
        self._folder.cleanup()

    def _cuts(self, day: date) -> list:
        """Values of the leading column that cut a date into parts of about a run's size."""
        runs = [run for run in self._runs if day in run.bounds]
        size = sum(run.bytes * run.bounds[day][1] / run.rows for run in runs)
        if size <= BYTES_IN_MEMORY / PARTS_PER_FILL:
            return []
        parts = int(size / BYTES_IN_MEMORY * PARTS_PER_FILL) + 1
        samples = pa.concat_arrays([run.samples(day) for run in runs]).unique().sort()
        at = [len(samples) * n // parts for n in range(1, parts)]
        return samples.take(pa.array(sorted(set(at) - {0}), pa.int64())).to_pylist()


class _Run:
    """One file; `bounds` says where each date lies in it."""

    def __init__(self, path: Path, table: pa.Table, lead: str) -> None:
        self.path, self.lead = path, lead
        self.bytes, self.rows = table.nbytes, table.num_rows
        table = table.combine_chunks()
        self.bounds = bounds_of(table[DAY])
        self._lead = table[lead].take(pa.array(range(0, table.num_rows, BATCH_ROWS)))
        self._lead = self._lead.combine_chunks()
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=BATCH_ROWS)

    def samples(self, day: date) -> pa.Array:
        """The leading column at every so many rows of a date."""
        start, count = self.bounds[day]
        first, last = start // BATCH_ROWS + 1, (start + count - 1) // BATCH_ROWS
        return self._lead.slice(first, max(0, last - first + 1))

    def between(self, day: date, low: object, high: object) -> pa.Table:
        """Rows of a date whose leading value is at least `low` and below `high` (None: no end)."""
        start, count = self.bounds[day]
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_file(file) as reader:
            first, last = start // BATCH_ROWS, (start + count - 1) // BATCH_ROWS
            chosen = []
            for number in range(first, last + 1):
                # the rows are sorted: whole batches lie outside
                at = number * BATCH_ROWS
                inner = first < number
                if high is not None and inner and self._lead[number].as_py() >= high:
                    break
                if low is not None and number < last and self._lead[number + 1].as_py() < low:
                    continue
                batch = reader.get_batch(number)
                begin = max(start - at, 0)
                batch = batch.slice(begin, min(start + count - at, batch.num_rows) - begin)
                values = batch.column(self.lead)
                if low is not None:
                    batch = batch.slice(_count_below(values, low))
                    values = batch.column(self.lead)
                if high is not None:
                    batch = batch.slice(0, _count_below(values, high))
                if batch.num_rows:
                    chosen.append(batch)
            return pa.Table.from_batches(chosen, reader.schema)


def _count_below(values: pa.Array, limit: object) -> int:
    return pc.sum(pc.less(values, pa.scalar(limit, values.type)), min_count=0).as_py()


def sorted_by_key(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Rows by date and key, in one piece."""
    return table.sort_by([(name, "ascending") for name in (DAY, *key)]).combine_chunks()


def without_copies(table: pa.Table, key: tuple[str, ...]) -> tuple[pa.Table, int]:
    """Sorted rows, each once: a page that a source sends twice says nothing new.

    Rows that share their key and differ elsewhere are all kept: which of them is right is not ours
    to guess, and the landing gate names them. How many of them there are is returned too.
    """
    same = _same_as_before(table, (DAY, *key))
    if not same.any():
        return table, 0
    # only rows that share a key are worth comparing whole; copies of one need not be neighbours
    shared = pa.array(same | np.append(same[1:], False))
    position = pa.array(np.arange(table.num_rows))
    suspects = table.append_column("_position", position).filter(shared)
    first = suspects.group_by(table.column_names, use_threads=False).aggregate(
        [("_position", "min")]
    )
    kept = pc.or_(pc.invert(shared), pc.is_in(position, first["_position_min"].combine_chunks()))
    table = table.filter(kept).combine_chunks()
    return table, repeated_keys(table, key)


def repeated_keys(table: pa.Table, key: tuple[str, ...]) -> int:
    """How many sorted rows have the date and key of the one before."""
    return int(_same_as_before(table, (DAY, *key)).sum())


def _same_as_before(table: pa.Table, columns: tuple[str, ...]) -> np.ndarray:
    """For each row whether it has the values of the one before (null is null)."""
    same = np.zeros(table.num_rows, dtype=bool)
    if table.num_rows < 2:
        return same
    if table.num_rows < FEW_ROWS:
        rows = list(zip(*(table[name].to_pylist() for name in columns), strict=True))
        same[1:] = [row == before for before, row in pairwise(rows)]
        return same
    same[1:] = True
    # the last column of a key tells most rows apart: once nothing is left, the others say nothing
    for name in reversed(columns):
        values = table[name].combine_chunks()
        later, earlier = values.slice(1), values.slice(0, len(values) - 1)
        equal = pc.equal(later, earlier)
        if values.null_count:
            both_null = pc.and_(pc.is_null(later), pc.is_null(earlier))
            equal = pc.or_(pc.fill_null(equal, fill_value=False), both_null)
        same[1:] &= equal.to_numpy(zero_copy_only=False)
        if not same.any():
            break
    return same


def bounds_of(days: pa.ChunkedArray) -> dict[date, tuple[int, int]]:
    """Event date -> (first row, rows), of a sorted column."""
    ordinals = days.cast(pa.int32()).to_numpy()
    starts = np.flatnonzero(np.diff(ordinals, prepend=-1)).tolist()
    ends = [*starts[1:], len(ordinals)] if starts else []
    names = days.take(pa.array(starts, pa.int64())).to_pylist()
    return {day: (start, end - start) for day, start, end in zip(names, starts, ends, strict=True)}
