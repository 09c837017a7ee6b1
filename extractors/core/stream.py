"""What a stream declares. Cheap to import: no HTTP, no database, no pandas.

A stream says what it is (endpoint, kind, schema, keys, lateness, limits, personal columns) and how
its rows are read from an answer; paging, retry, tokens, landing and the manifest live once in core.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import date, time
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

if TYPE_CHECKING:
    from extractors.core.context import PullContext

# while a pull is in memory, each row carries its event date here; in files it is in the path
DAY = "_day"
UTC_TIMESTAMP = pa.timestamp("us", tz="UTC")

# in every landed file, beside the stream's own columns
TECHNICAL_COLUMNS = (
    pa.field("_account", pa.string()),
    pa.field("_pulled_at", UTC_TIMESTAMP),
    pa.field("_run_id", pa.string()),
    pa.field("_extra", pa.string()),
)


class Kind(StrEnum):
    """How a stream's rows relate to time."""

    REPORT = "report"  # values per business day that the source revises
    ENTITY = "entity"  # the present state of a list
    EVENT = "event"  # things that happened once, each with its own time and key


class Personal(StrEnum):
    """What happens to a personal field before it lands."""

    PSEUDONYM = "pseudonym"  # keyed hash, equal across sources; the vault maps it back
    HASH_ONLY = "hash_only"  # keyed hash, never in the vault (a cookie, not a person to write to)
    DROP = "drop"  # never lands


class Stream(ABC):
    """One stream of one source; subclasses carry the five heads in their docstring.

    Attributes:
        schema: the stream's own columns, without technical columns and event_date.
        primary_key: columns that name a row within (account, event_date) or, for events, overall.
        version_column: for events that change: the newest value of it wins.
        channel_column: the column whose values arrivals are counted apart by.
        measures: what is tracked in the arrival history.
        control_tolerance: share by which the platform's own totals may differ from the sum of what
            it gave in detail: the two are asked for one after the other, and figures move.
        is_occasional: its rows follow what people choose to do (send, broadcast, refund): a day
            with few or none is no sign that data is late, only that nobody did it.
        ready_at: Shanghai clock on the day after, from which a report day is complete.
        revised_for_days: delay in days after which the tracked measures no longer move.
        max_window_days: days that one call may span.
        history_days: how far back the source answers; None where it sets no limit in days.
        earliest: first day the source answers for; None where it names none.
        endpoints: ids of the contract's entries that the stream reads, for `docs/sources.md`.
        confidence: how sure the contract is of them (documented, sdk, observed, inferred).
        personal_columns: field -> what happens to it; fields that only exist on the wire too.
        required: fields that some row must have, or the schema has changed; by default the key
            and the measures.
        unit_checks: columns whose day's median must not jump by about 100 (fen for yuan).
        known_fields: wire fields the contract knows and that are not landed (no `_extra`).
    """

    source: ClassVar[str]
    name: ClassVar[str]
    kind: ClassVar[Kind]
    endpoint: ClassVar[str]
    endpoints: ClassVar[tuple[str, ...]] = ()
    confidence: ClassVar[str] = "documented"
    schema: ClassVar[pa.Schema]
    primary_key: ClassVar[tuple[str, ...]]
    version_column: ClassVar[str | None] = None
    channel_column: ClassVar[str | None] = None
    measures: ClassVar[tuple[str, ...]] = ("rows",)
    control_tolerance: ClassVar[float] = 0.001
    is_occasional: ClassVar[bool] = False
    ready_at: ClassVar[time] = time(0)
    revised_for_days: ClassVar[int] = 0
    max_window_days: ClassVar[int] = 1
    history_days: ClassVar[int | None] = None
    earliest: ClassVar[date | None] = None
    personal_columns: ClassVar[dict[str, Personal]] = {}
    known_fields: ClassVar[frozenset[str]] = frozenset()
    required: ClassVar[tuple[str, ...] | None] = None
    unit_checks: ClassVar[tuple[str, ...]] = ()

    @property
    def address(self) -> str:
        """`source.stream`, as people write it."""
        return f"{self.source}.{self.name}"

    @property
    def required_fields(self) -> tuple[str, ...]:
        """Fields without which the stream cannot be read."""
        if self.required is not None:
            return self.required
        measures = [name for name in self.measures if name in self.schema.names]
        return tuple(dict.fromkeys((*self.primary_key, *measures)))

    @abstractmethod
    def extract(self, pull: "PullContext") -> None:
        """Read what the pull asks for and hand its rows to `pull.land`."""

    def arrivals(self, table: pa.Table) -> Iterable[tuple[date, str, str, float | None]]:
        """(event date, channel, measure, value) of landed report days or a snapshot.

        Args:
            table: rows of all dates, with their date in `_day`. `rows` counts rows; a sum over
                nothing but missing values is None, not 0.
        """
        sums = [measure for measure in self.measures if measure != "rows"]
        by = [DAY, self.channel_column] if self.channel_column else [DAY]
        grouped = table.group_by(by, use_threads=False).aggregate(
            [(measure, "sum") for measure in sums] + [([], "count_all")]
        )
        days = grouped[DAY].to_pylist()
        channels = grouped[self.channel_column].to_pylist() if self.channel_column else None
        for measure in self.measures:
            column = "count_all" if measure == "rows" else f"{measure}_sum"
            for position, value in enumerate(grouped[column].to_pylist()):
                yield days[position], (channels and channels[position]) or "", measure, value

    def __repr__(self) -> str:
        """The address, for logs and test names."""
        return f"<{self.address}>"


def columns(**types: pa.DataType) -> pa.Schema:
    """A schema from keyword arguments, every column nullable.

    Keys are checked by the landing writer (a row without its key is rejected and counted); any
    other column may be missing on a bad day and is then null, never an invented value.
    """
    return pa.schema([pa.field(name, type_) for name, type_ in types.items()])
