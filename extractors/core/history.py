"""What earlier pulls landed for an event date, for counts that must not count a row twice."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from extractors.core.manifest import Commit, LandedFile

if TYPE_CHECKING:
    from extractors.core.context import PullContext

T = TypeVar("T")
# rows of committed files kept in memory between the pulls of one process
CACHED_ROWS = 5_000_000
_CACHE: OrderedDict[tuple, pa.Table] = OrderedDict()
_cached_rows = 0
_LOCK = threading.RLock()
_FOLDED: dict[tuple, tuple[int, Commit, object]] = {}


def folded(key: tuple, commits: list[Commit], empty: Callable[[], T], add: Callable) -> T:
    """What commits come to. Those of an earlier call are not gone through again.

    A daily pull asks for the same after each of thousands of commits. The state is shared: it is
    only to be read.

    Args:
        key: names the state (the landing, the stream, what of it).
        commits: in the order they were pulled.
        empty: makes the state of no commit.
        add: puts a commit into a state.
    """
    with _LOCK:
        count, last, state = _FOLDED.get(key, (0, None, None))
        if not count or count > len(commits) or commits[count - 1] is not last:
            count, state = 0, empty()
        for commit in commits[count:]:
            add(state, commit)
        if commits:
            _FOLDED[key] = len(commits), commits[-1], state
        return state


def earlier_tables(pull: "PullContext", day: date, columns: list[str]) -> list[pa.Table]:
    """Columns of the files that earlier commits landed for a date, oldest pull first."""
    files = _folded_of(pull, "files", _add_files).get(day, ())
    return [_read(pull, file.path, file.content_hash, columns) for file in files]


def recent_tables(pull: "PullContext", since: datetime, columns: list[str]) -> list[pa.Table]:
    """Columns of every file that commits since a moment landed, oldest pull first."""
    return [
        _read(pull, file.path, file.content_hash, columns)
        for commit in pull.commits
        if commit.pulled_at >= since
        for file in commit.files
    ]


def earlier_values(pull: "PullContext") -> Mapping[tuple[date, str, str], float]:
    """The newest absolute value per (event date, channel, measure)."""
    return MappingProxyType(_folded_of(pull, "values", _add_values))


def _folded_of(pull: "PullContext", what: str, add: Callable) -> dict:
    key = (what, pull.manifest.address, pull.stream.address, pull.account.account)
    return folded(key, pull.commits, dict, add)


def _add_files(files: dict[date, list[LandedFile]], commit: Commit) -> None:
    for file in commit.files:
        files.setdefault(file.event_date, []).append(file)


def _add_values(values: dict[tuple[date, str, str], float], commit: Commit) -> None:
    for arrival in commit.arrivals:
        values[arrival.event_date, arrival.channel, arrival.measure] = arrival.value


def _read(pull: "PullContext", path: str, content: str, columns: list[str]) -> pa.Table:
    global _cached_rows
    address = pull.manifest.storage.full(path)
    key = (address, content, *columns)
    with _LOCK:
        if key in _CACHE:
            _CACHE.move_to_end(key)
            return _CACHE[key]
    table = pq.read_table(pa.BufferReader(pull.manifest.storage.read(path)), columns=columns)
    with _LOCK:
        if key not in _CACHE:
            _CACHE[key] = table
            _cached_rows += table.num_rows
        while _cached_rows > CACHED_ROWS:
            _cached_rows -= _CACHE.popitem(last=False)[1].num_rows
    return table
