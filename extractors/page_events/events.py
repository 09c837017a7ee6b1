"""Hourly drops of page events."""

from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext


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
        event_id=pa.string(), event_type=pa.string(), event_time=UTC_TIMESTAMP,
        visitor_id=pa.string(), unionid=pa.string(), page_id=pa.string(), page_url=pa.string(),
        utm_source=pa.string(), utm_medium=pa.string(), utm_campaign=pa.string(),
        utm_content=pa.string(), device=pa.string(), dwell_seconds=pa.float64(),
        _object=pa.string())
    primary_key = ("event_id",)
    channel_column = "utm_source"
    measures = ("page_view", "link_click", "lead_form", "booking", "redemption")
    revised_for_days = 7
    max_window_days = 1
    personal_columns: ClassVar = {"visitor_id": Personal.HASH_ONLY, "unionid": Personal.PSEUDONYM}

    def extract(self, pull: "PullContext") -> None:
        """Read every drop that no earlier pull has read."""
        raise NotImplementedError
