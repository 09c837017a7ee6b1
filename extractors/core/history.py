"""What earlier pulls landed for an event date, for counts that must not count a row twice."""

import threading
from collections import OrderedDict
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from extractors.core.context import PullContext

# rows of committed files kept in memory between the pulls of one process
CACHED_ROWS = 5_000_000
_CACHE: OrderedDict[tuple, pa.Table] = OrderedDict()
_LOCK = threading.Lock()


def earlier_tables(pull: "PullContext", day: date, columns: list[str]) -> list[pa.Table]:
    """Columns of the files that earlier commits landed for a date, oldest pull first."""
    return [
        _read(pull, file.path, file.content_hash, columns)
        for commit in pull.commits
        for file in commit.files
        if file.event_date == day
    ]


def recent_tables(pull: "PullContext", since: datetime, columns: list[str]) -> list[pa.Table]:
    """Columns of every file that commits since a moment landed, oldest pull first."""
    return [
        _read(pull, file.path, file.content_hash, columns)
        for commit in pull.commits
        if commit.pulled_at >= since
        for file in commit.files
    ]


def earlier_values(pull: "PullContext") -> dict[tuple[date, str, str], float]:
    """The newest absolute value per (event date, channel, measure)."""
    return {
        (arrival.event_date, arrival.channel, arrival.measure): arrival.value
        for commit in pull.commits
        for arrival in commit.arrivals
    }


def _read(pull: "PullContext", path: str, content: str, columns: list[str]) -> pa.Table:
    address = pull.manifest.storage.full(path)
    key = (address, content, *columns)
    with _LOCK:
        if key in _CACHE:
            _CACHE.move_to_end(key)
            return _CACHE[key]
    table = pq.read_table(pa.BufferReader(pull.manifest.storage.read(path)), columns=columns)
    with _LOCK:
        _CACHE[key] = table
        while sum(cached.num_rows for cached in _CACHE.values()) > CACHED_ROWS:
            _CACHE.popitem(last=False)
    return table
