"""Whether what a stream declares still holds: types, required fields, units.

A single bad value is kept as text and counted (`parse`); here whole columns are judged, because a
column that changed its meaning must not become a number that looks right.
"""

import statistics
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.errors import SchemaChangeError
from extractors.core.history import earlier_tables
from extractors.core.stream import Kind

if TYPE_CHECKING:
    from extractors.core.context import PullContext

ROWS_TO_TELL = 5
# a column's type has changed when so many values, and this share of them, cannot be read
UNREADABLE_VALUES = 10
UNREADABLE_SHARE = 0.5
# fen for yuan: a factor of 100, as the median of a day's positive values sees it
UNIT_FACTOR = (60, 150)
UNIT_VALUES = 20
CLOSED_DAYS = 5


def check_fields(pull: "PullContext") -> None:
    """Judge what was read as the stream declares it.

    Raises:
        SchemaChangeError: a required field is in no row, or a column's values are of another type.
    """
    stream = pull.stream
    if pull.read_rows:
        required = stream.required_fields
        if pull.read_rows < ROWS_TO_TELL:
            # a measure may be missing in a row or two; a key may not
            required = [name for name in required if name in stream.primary_key]
        if missing := [name for name in required if name not in pull.seen_fields]:
            raise _changed(pull, f"no row has the required field {', '.join(missing)}", missing)
    for column, count in sorted(pull.unreadable.items()):
        share = count / max(1, pull.values_of.get(column, 0))
        if count >= UNREADABLE_VALUES and share >= UNREADABLE_SHARE:
            kind = stream.schema.field(column).type
            raise _changed(
                pull, f"{count} values of {column} are no {kind}, {share:.0%} of them", [column]
            )


def check_units(pull: "PullContext") -> None:
    """Judge the size of values against the last closed days.

    Raises:
        SchemaChangeError: a day's median is about 100 times what it was, or a hundredth.
    """
    stream = pull.stream
    columns = [*stream.unit_checks]
    if not columns or not pull.commits:
        return
    before: dict[str, float] | None = None
    for day in pull.landing.collect():
        table = pa.concat_tables(part.select(columns) for part in pull.landing.parts(day))
        for column in columns:
            now = median(table[column])
            if now is None:
                continue
            if before is None:
                before = _medians_before(pull, columns)
            if column not in before:
                continue
            factor = now / before[column]
            if any(low <= max(factor, 1 / factor) <= high for low, high in (UNIT_FACTOR,)):
                raise _changed(
                    pull,
                    f"the median of {column} on {day} is {now:g}, {factor:.3g} times that of the "
                    f"days before ({before[column]:g}): another unit",
                    [column],
                )


def median(values: pa.ChunkedArray) -> float | None:
    """The median of the positive values; None where they are too few to tell."""
    positive = values.filter(pc.greater(values, 0))
    if len(positive) < UNIT_VALUES:
        return None
    return float(pc.quantile(positive, 0.5, interpolation="nearest")[0].as_py())


def _medians_before(pull: "PullContext", columns: list[str]) -> dict[str, float]:
    """Per column the median over the last days that earlier pulls landed."""
    known: dict[date, None] = {}
    for commit in reversed(pull.commits):
        known |= dict.fromkeys(file.event_date for file in commit.files if file.rows)
        if len(known) >= CLOSED_DAYS + 2:
            break
    days = sorted(known, reverse=True)
    # the newest day may have been read while it was still filling
    closed = days[1 : CLOSED_DAYS + 1] if pull.stream.kind != Kind.ENTITY else days[:1]
    found: dict[str, list[float]] = {}
    for day in closed:
        tables = earlier_tables(pull, day, columns)
        if pull.stream.kind != Kind.EVENT:
            tables = tables[-1:]
        if not tables:
            continue
        table = pa.concat_tables(tables)
        for column in columns:
            if (value := median(table[column])) is not None:
                found.setdefault(column, []).append(value)
    return {column: statistics.median(values) for column, values in found.items()}


def _changed(pull: "PullContext", what: str, columns: list[str]) -> SchemaChangeError:
    return SchemaChangeError(
        f"The source has changed its schema: {what}",
        where=pull.where,
        action=f"compare {', '.join(columns)} with the contract and adapt the stream",
    )
