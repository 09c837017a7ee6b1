"""Vendor values to typed columns: lenient about spelling (1, "1", "1,234"), strict about meaning.

A value that cannot be read is null in its column, keeps its text in `_extra`, and is counted; it is
never turned into another value.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import itemgetter

import orjson
import pyarrow as pa

from extractors.core.privacy import Privacy, redact
from extractors.core.stream import DAY, Personal, Stream

_NO_VALUE = ("", "-", "--")
SECONDS_PER_DAY = 86_400
SHANGHAI_OFFSET_SECONDS = 8 * 3600  # since 1991, without summer time
_FAILURES = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    pa.ArrowNotImplementedError,
    OverflowError,
    ValueError,
    TypeError,
)


@dataclass
class Parsed:
    """Typed rows of a stream, with what was not as the contract says."""

    table: pa.Table
    unknown_fields: set[str] = field(default_factory=set)
    unreadable: dict[str, int] = field(default_factory=dict)  # column -> values
    without_key: int = 0  # rows left out because their key is missing
    fields: set[str] = field(default_factory=set)  # that some row had
    always: frozenset[str] = frozenset()  # fields that every row had
    values: dict[str, int] = field(default_factory=dict)  # column -> values, where some failed


def to_table(
    stream: Stream, rows: list[dict], days: list[date | None] | pa.Array, privacy: Privacy
) -> Parsed:
    """Rows as they came to the stream's columns plus `_extra` and the event date `_day`."""
    parsed = Parsed(pa.table({}))
    extras = _extras(stream, rows, parsed)
    arrays = []
    for column in stream.schema:
        if column.name in parsed.always:
            values = list(map(itemgetter(column.name), rows))
        elif column.name in parsed.fields:
            values = [row.get(column.name) for row in rows]
        else:
            values = [None] * len(rows)
        treatment = stream.personal_columns.get(column.name)
        if treatment in (Personal.PSEUDONYM, Personal.HASH_ONLY):
            values = privacy.pseudonyms(values, treatment)
        arrays.append(_array(values, column, extras, parsed))
    extra = pa.array(
        [orjson.dumps(e).decode() if e else None for e in extras]
        if any(extras)
        else [None] * len(rows),
        pa.string(),
    )
    dates = days if isinstance(days, pa.Array) else pa.array(days, pa.date32())
    table = pa.Table.from_arrays([*arrays, extra, dates], schema=memory_schema(stream))
    parsed.table = _with_key(stream, table, parsed)
    return parsed


def integer(value: object) -> int | None:
    """A whole number, also when it came as text or as 3.0.

    Raises:
        ValueError: it is none.
    """
    if value is None or (isinstance(value, str) and value.strip() in _NO_VALUE):
        return None
    if isinstance(value, str):
        value = value.replace(",", "").strip()
        try:
            return int(value)
        except ValueError:
            value = float(value)
    number = int(value)
    if number != value:
        raise ValueError
    return number


def number(value: object) -> float | None:
    """A number, also when it came as text."""
    if value is None or (isinstance(value, str) and value.strip() in _NO_VALUE):
        return None
    return float(value.replace(",", "")) if isinstance(value, str) else float(value)


def text(value: object) -> str | None:
    """Text; ids that came as numbers keep every digit, structures become JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return str(value)


def day(value: object) -> date | None:
    """A calendar day written YYYY-MM-DD or YYYYMMDD."""
    return (
        None
        if value in (None, "")
        else value
        if isinstance(value, date)
        else date.fromisoformat(str(value))
    )


def moment(value: object) -> datetime | None:
    """A moment from seconds since 1970 (0 = none) or from ISO 8601 with an offset."""
    if isinstance(value, datetime):
        return value
    if value in (None, "", 0, "0"):
        return None
    if isinstance(value, int | float) or str(value).isdigit():
        return datetime.fromtimestamp(float(value), UTC)
    parsed = datetime.fromisoformat(str(value))
    if parsed.tzinfo is None:
        raise ValueError("no offset")
    return parsed.astimezone(UTC)


def day_of_seconds(seconds: object) -> date:
    """The business day that a `stat_time` (its midnight in Shanghai) names."""
    days_since_1970 = (int(seconds) + SHANGHAI_OFFSET_SECONDS) // SECONDS_PER_DAY
    return date.fromordinal(date(1970, 1, 1).toordinal() + days_since_1970)


def dates_of(values: list, read: Callable[[str], date] = date.fromisoformat) -> pa.Array:
    """Dates of a column that names them, each spelling read once.

    Raises:
        ValueError: one is no date.
    """
    encoded = pa.array(values, pa.string()).dictionary_encode()
    names = [read(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(names, pa.date32()).take(encoded.indices)


def business_dates(moments: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Business days of a column of UTC timestamps, as dates."""
    import pyarrow.compute as pc

    micros = pc.add(moments.cast(pa.int64()), SHANGHAI_OFFSET_SECONDS * 1_000_000)
    return pc.floor_temporal(micros.cast(pa.timestamp("us")), unit="day").cast(pa.date32())


def _array(values: list, column: pa.Field, extras: list[dict | None], parsed: Parsed) -> pa.Array:
    kind = column.type
    try:
        if pa.types.is_timestamp(kind):
            return _moments(values, kind)
        if not pa.types.is_date(kind):
            return pa.array(values, kind)
    except _FAILURES:
        pass  # something is spelt otherwise
    if pa.types.is_string(kind) and isinstance(values[0], list | dict):
        with contextlib.suppress(*_FAILURES):
            # straight to what `text` would come to for each
            if set(map(type, values)) <= {list, dict}:
                return pa.array(map(orjson.dumps, values), kind, size=len(values))
            return pa.array([v if v is None else text(v) for v in values], kind)
    elif pa.types.is_string(kind) and isinstance(values[0], int):
        with contextlib.suppress(*_FAILURES):
            # ids that came as numbers, all of them: every digit is kept
            if bool not in set(map(type, values)):
                return pa.array(values, pa.int64()).cast(kind)
    read: Callable = _READERS[kind.id]
    result = []
    parsed.values[column.name] = len(values) - values.count(None)
    for position, value in enumerate(values):
        try:
            result.append(read(value))
        except (ValueError, TypeError, OverflowError):
            result.append(None)
            parsed.unreadable[column.name] = parsed.unreadable.get(column.name, 0) + 1
            extras[position] = {**(extras[position] or {}), column.name: redact(value)}
    return pa.array(result, kind)


def _moments(values: list, kind: pa.DataType) -> pa.Array:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str) and not first.isdigit():
        return pa.array(values, pa.string()).cast(kind)
    seconds = pa.array(values, pa.int64())
    if 0 in values:
        seconds = pa.array([value or None for value in values], pa.int64())
    return seconds.cast(pa.timestamp("s", tz="UTC")).cast(kind)


_READERS: dict[int, Callable] = {
    pa.int64().id: integer,
    pa.float64().id: number,
    pa.string().id: text,
    pa.date32().id: day,
    pa.timestamp("us").id: moment,
    pa.bool_().id: lambda value: None if value is None else bool(integer(value)),
}


def _extras(stream: Stream, rows: list[dict], parsed: Parsed) -> list[dict | None]:
    known = frozenset(stream.schema.names) | stream.known_fields | stream.personal_columns.keys()
    extras: list[dict | None] = [None] * len(rows)
    parsed.fields.update(*rows)
    if set(map(len, rows)) <= {len(parsed.fields)}:
        parsed.always = frozenset(parsed.fields)  # as mostly
    else:
        shapes = set(map(tuple, rows))
        parsed.always = frozenset.intersection(*map(frozenset, shapes))
    if parsed.fields <= known:
        return extras
    for position, row in enumerate(rows):
        if not row.keys() <= known:
            unknown = {key: row[key] for key in row.keys() - known}
            extras[position] = redact(unknown)
            parsed.unknown_fields.update(unknown)
    return extras


def _with_key(stream: Stream, table: pa.Table, parsed: Parsed) -> pa.Table:
    import pyarrow.compute as pc

    for key in stream.primary_key:
        if missing := table[key].null_count:
            parsed.without_key += missing
            table = table.filter(pc.is_valid(table[key]))
    return table


def memory_schema(stream: Stream) -> pa.Schema:
    """What rows look like while a pull is in memory."""
    return stream.schema.append(pa.field("_extra", pa.string())).append(pa.field(DAY, pa.date32()))
