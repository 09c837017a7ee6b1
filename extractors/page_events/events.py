"""Hourly drops of page events."""

from datetime import date, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.history import earlier_tables, earlier_values
from extractors.core.manifest import Arrival
from extractors.core.parse import business_dates
from extractors.core.privacy import redact_text
from extractors.core.stream import DAY, UTC_TIMESTAMP, Kind, Personal, Stream, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext
    from extractors.page_events.client import Drop

ROWS_PER_TABLE = 100_000
SHOWN_CHARACTERS = 500
# from the first to the last moment of an hour of delivery
HOUR = timedelta(hours=1) - timedelta(microseconds=1)
# an event cannot have happened after its hour of delivery: the device's clock is ahead; one that
# lies further back than anything is ever delivered comes from a device without a clock
OLDEST_EVENT = timedelta(days=90)


class PageEvent(Stream):
    """Views, clicks, lead forms, bookings and redemptions on tracked pages.

    Source: objects dt=YYYY-MM-DD/hour=HH/*.jsonl.gz below the account's drop_address; dt and hour
            are those of delivery, in Shanghai.
    Grain:  one row per event_id: lines that repeat one are counted (duplicate_rows) and left out,
            also when an earlier pull has landed it. event_date is the business day of event_time
            or, where a device's clock is ahead, of the end of the hour of delivery.
    Units:  dwell_seconds in seconds; event_time, as the device said it, and _delivered_at, the
            moment the hour of delivery began, are UTC timestamps.
    Late:   views and clicks are whole on the next day; 60 % of a partner's lead forms, bookings and
            redemptions come later, in batches on days 3 to 5, all within 7.
    Raises: SiyuError when the folder cannot be read. A line that is no event is quarantined and
            counted, never fatal; an object whose size has changed is read again.
    """

    source = "page_events"
    name = "page_event"
    kind = Kind.EVENT
    endpoint = "dt=YYYY-MM-DD/hour=HH/*.jsonl.gz"
    confidence = "our own format"
    schema = columns(
        event_id=pa.string(),
        event_type=pa.string(),
        event_time=UTC_TIMESTAMP,
        visitor_id=pa.string(),
        unionid=pa.string(),
        page_id=pa.string(),
        page_url=pa.string(),
        utm_source=pa.string(),
        utm_medium=pa.string(),
        utm_campaign=pa.string(),
        utm_content=pa.string(),
        device=pa.string(),
        dwell_seconds=pa.float64(),
        _object=pa.string(),
        _delivered_at=UTC_TIMESTAMP,
    )
    primary_key = ("event_id",)
    channel_column = "utm_source"
    measures = ("page_view", "link_click", "lead_form", "booking", "redemption")
    revised_for_days = 7
    max_window_days = 1
    personal_columns: ClassVar = {"visitor_id": Personal.HASH_ONLY, "unionid": Personal.PSEUDONYM}

    def extract(self, pull: "PullContext") -> None:
        """Read every drop that no earlier pull has read; in a backfill, those of the window."""
        tables = []
        rows: list[dict] = []
        for drop in self._wanted(pull):
            rejected = pull.rejected_rows
            rows += self._rows(pull, drop)
            pull.inputs.append(drop.path)
            pull.input_stamps.append(drop.stamp(is_flawed=pull.rejected_rows > rejected))
            if len(rows) >= ROWS_PER_TABLE:
                tables.append(pull.typed(rows))
                rows = []
        tables.append(pull.typed(rows))
        events = self._timely(pull, pa.concat_tables(tables))
        found = _first_of_each(events)
        pull.duplicate_rows += events.num_rows - found.num_rows
        found = self._dated(found)
        known = earlier_values(pull)
        for day in pc.unique(found[DAY]).to_pylist():
            table = found.filter(pc.equal(found[DAY], day))
            new = table
            # a copy that came before, while the device's clock was ahead, lies on the day before
            for earlier in [
                *earlier_tables(pull, day, ["event_id"]),
                *earlier_tables(pull, day - timedelta(1), ["event_id"]),
            ]:
                again = pc.is_in(new["event_id"], value_set=earlier["event_id"])
                new = new.filter(pc.invert(again))
            pull.arrivals += self._arrivals(day, new, known)
            if pull.is_explicit:
                # a repair lands the days again, whatever was made of them before
                new = table
            else:
                pull.duplicate_rows += table.num_rows - new.num_rows
            pull.landing.add(new)

    def _wanted(self, pull: "PullContext") -> "list[Drop]":
        drops = pull.client.drops()
        if pull.is_explicit:
            # what happened in the window may be delivered until it is final
            last = pull.dates[-1] + timedelta(self.revised_for_days)
            return [drop for drop in drops if pull.dates[0] <= drop.delivery_date <= last]
        read: dict[str, str | None] = {}
        for commit in pull.commits:
            # before stamps were noted, an object was taken to be whole
            read |= zip_longest(commit.inputs, commit.input_stamps)
        return [drop for drop in drops if _is_new(drop, read.get(drop.path, ""))]

    def _rows(self, pull: "PullContext", drop: "Drop") -> list[dict]:
        lines, is_cut = pull.client.lines(drop)
        try:
            rows = orjson.loads(b"[" + b",".join(lines) + b"]")
            numbers = range(1, len(rows) + 1)
        except ValueError:
            rows, numbers = self._good_lines(pull, drop, lines)
        if is_cut:
            pull.reject({"object": drop.path, "reason": "the object ends before its end"})
        good, begins_at = [], int(drop.begins_at.timestamp())
        for number, row in zip(numbers, rows, strict=True):
            if isinstance(row, dict) and row.get("event_id") and row.get("event_time"):
                row["_object"], row["_delivered_at"] = drop.path, begins_at
                good.append(row)
            else:
                pull.reject(
                    {"object": drop.path, "line": number, "reason": "no event_id or no event_time"}
                )
        return good

    def _good_lines(
        self, pull: "PullContext", drop: "Drop", lines: list[bytes]
    ) -> tuple[list, list[int]]:
        rows, numbers = [], []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                rows.append(orjson.loads(line))
                numbers.append(number)
            except ValueError:
                shown = redact_text(
                    line[:SHOWN_CHARACTERS].decode(errors="replace"), tuple(self.personal_columns)
                )
                pull.reject(
                    {
                        "object": drop.path,
                        "line": number,
                        "reason": "not JSON",
                        "text": shown if line.startswith(b"{") else None,
                    }
                )
        return rows, numbers

    def _timely(self, pull: "PullContext", events: pa.Table) -> pa.Table:
        """Events whose time can be believed; a clock that is ahead can be put right, see `_dated`.

        One that is behind cannot be told from a late delivery.
        """
        timeless = pc.is_null(events["event_time"])
        age = pc.subtract(events["_delivered_at"], events["event_time"])
        clockless = pc.fill_null(pc.greater(age, pa.scalar(OLDEST_EVENT, age.type)), False)
        for wrong, reason in (
            (timeless, "event_time is not a moment with an offset"),
            (clockless, f"event_time lies {OLDEST_EVENT.days} days before the delivery"),
        ):
            for path in events.filter(wrong)["_object"].to_pylist():
                pull.reject({"object": path, "reason": reason})
        return events.filter(pc.invert(pc.or_(timeless, clockless)))

    def _dated(self, events: pa.Table) -> pa.Table:
        """Each event on its business day: of its own time, but not after its hour of delivery."""
        closes_at = pc.add(events["_delivered_at"], pa.scalar(HOUR, pa.duration("us")))
        is_ahead = pc.greater(events["event_time"], closes_at)
        happened_at = pc.if_else(is_ahead, closes_at, events["event_time"])
        position = events.column_names.index(DAY)
        return events.set_column(position, pa.field(DAY, pa.date32()), business_dates(happened_at))

    def _arrivals(
        self, day: date, new: pa.Table, known: dict[tuple[date, str, str], float]
    ) -> "Iterator[Arrival]":
        """Distinct events of a day so far: those known before plus those seen first now."""
        counts = {
            (channel, measure): value
            for (known_day, channel, measure), value in known.items()
            if known_day == day
        }
        grouped = new.group_by(["utm_source", "event_type"]).aggregate([([], "count_all")])
        for channel, measure, count in zip(
            *(grouped[name].to_pylist() for name in ("utm_source", "event_type", "count_all")),
            strict=True,
        ):
            if measure in self.measures:
                key = (channel or "", measure)
                counts[key] = counts.get(key, 0) + count
        for (channel, measure), value in sorted(counts.items()):
            yield Arrival(day, channel, measure, value)


def _is_new(drop: "Drop", stamp: str | None) -> bool:
    known = (None, drop.stamp(is_flawed=False), drop.stamp(is_flawed=True))
    return stamp not in known


def _first_of_each(events: pa.Table) -> pa.Table:
    """Events without the copies that one pull met twice."""
    if not events.num_rows:
        return events
    codes = events["event_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    return events if len(first) == len(codes) else events.take(np.sort(first))
