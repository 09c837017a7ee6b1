"""Hourly drops of page events."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.history import earlier_tables, earlier_values
from extractors.core.manifest import Arrival
from extractors.core.privacy import redact_text
from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext
    from extractors.page_events.client import Drop

ROWS_PER_TABLE = 100_000
# a daily pull looks for new objects in the delivery folders of this many days; what is uploaded
# into an older one is found by a backfill
LATE_UPLOAD_DAYS = 10
SHOWN_CHARACTERS = 500


class PageEvent(Stream):
    """Views, clicks, lead forms, bookings and redemptions on tracked pages.

    Source: objects dt=YYYY-MM-DD/hour=HH/*.jsonl.gz below the account's drop_address; dt and hour
            are those of delivery, in Shanghai.
    Grain:  one row per event_id; event_date is the business day of event_time.
    Units:  dwell_seconds in seconds; event_time a UTC timestamp.
    Late:   views and clicks are whole on the next day; 60 % of a partner's lead forms, bookings and
            redemptions come later, in batches on days 3 to 5, all within 7.
    Raises: SiyuError when the folder cannot be read. A line that is no event is quarantined and
            counted, never fatal.
    """

    source = "page_events"
    name = "page_event"
    kind = Kind.EVENT
    endpoint = "dt=YYYY-MM-DD/hour=HH/*.jsonl.gz"
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
            rows += self._rows(pull, drop)
            pull.inputs.append(drop.path)
            if len(rows) >= ROWS_PER_TABLE:
                tables.append(pull.typed(rows))
                rows = []
        tables.append(pull.typed(rows))
        events = self._timely(pull, pa.concat_tables(tables))
        pull.land_events(_first_of_each(events), "event_time")
        known = earlier_values(pull)
        for day in pull.landing.collect():
            pull.arrivals += self._arrivals(pull, day, known)

    def _wanted(self, pull: "PullContext") -> "list[Drop]":
        following_on = pull.commits and not pull.is_explicit
        drops = pull.client.drops(
            since=pull.today - timedelta(LATE_UPLOAD_DAYS) if following_on else None
        )
        if pull.is_explicit:
            # what happened in the window may be delivered until it is final
            last = pull.dates[-1] + timedelta(self.revised_for_days)
            return [drop for drop in drops if pull.dates[0] <= drop.delivery_date <= last]
        read = {path for commit in pull.commits for path in commit.inputs}
        return [drop for drop in drops if drop.path not in read]

    def _rows(self, pull: "PullContext", drop: "Drop") -> list[dict]:
        lines, is_cut = pull.client.lines(drop)
        try:
            rows = orjson.loads(b"[" + b",".join(lines) + b"]")
            numbers = range(1, len(rows) + 1)
        except ValueError:
            rows, numbers = self._good_lines(pull, drop, lines)
        if is_cut:
            pull.reject({"object": drop.path, "reason": "the object ends before its end"})
        good = []
        for number, row in zip(numbers, rows, strict=True):
            if isinstance(row, dict) and row.get("event_id") and row.get("event_time"):
                row["_object"] = drop.path
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
        timeless = pc.is_null(events["event_time"])
        for path in events.filter(timeless)["_object"].to_pylist():
            pull.reject({"object": path, "reason": "event_time is not a moment with an offset"})
        return events.filter(pc.invert(timeless))

    def _arrivals(
        self, pull: "PullContext", day: date, known: dict[tuple[date, str, str], float]
    ) -> "Iterator[Arrival]":
        """Distinct events of a day so far: those known before plus those seen first now."""
        table = pull.landing.day(day)
        for earlier in earlier_tables(pull, day, ["event_id"]):
            table = table.filter(
                pc.invert(pc.is_in(table["event_id"], value_set=earlier["event_id"]))
            )
        counts = {
            (channel, measure): value
            for (known_day, channel, measure), value in known.items()
            if known_day == day
        }
        new = table.group_by(["utm_source", "event_type"]).aggregate([([], "count_all")])
        for channel, measure, count in zip(
            *(new[name].to_pylist() for name in ("utm_source", "event_type", "count_all")),
            strict=True,
        ):
            if measure in self.measures:
                key = (channel or "", measure)
                counts[key] = counts.get(key, 0) + count
        for (channel, measure), value in sorted(counts.items()):
            yield Arrival(day, channel, measure, value)


def _first_of_each(events: pa.Table) -> pa.Table:
    """Events without the copies that one pull met twice."""
    if not events.num_rows:
        return events
    codes = events["event_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    return events if len(first) == len(codes) else events.take(np.sort(first))
