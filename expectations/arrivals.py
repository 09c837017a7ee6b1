"""What was known of each business day after each pull, as arrays, from the manifest alone."""

import weakref
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from siyu.calendar import start_of

if TYPE_CHECKING:
    from extractors.core.manifest import Commit
    from extractors.core.stream import Stream

NO_CHANNEL = "(none)"  # in a stream with channels: rows that name none; '' is the whole stream


@dataclass(frozen=True)
class History:
    """The pulls of one stream of one account.

    Attributes:
        is_occasional: a day may have nothing without being late (see `Stream`).
        ready: [day], when the source should have the day, hours since 1970.
        first: ordinal of the first day; the arrays' day axis runs from there without gaps.
        series: (channel, measure) of each series, sorted.
        pulled: moment of each pull, hours since 1970 in UTC, ascending.
        answers: [pull, day], whether the pull could know the day (a report covers it, an event
            stream was read after the day's end).
        not_ready: [pull, day], the source said or showed that the day is not computed yet.
        values: [series, pull, day], the absolute value known; NaN where the pull does not answer.
        rows: rows of each pull.
        unknown_fields: of each pull, names of fields that the contract does not know.
        inputs: [pull], objects read (event streams from drops); -1 where the stream has none.
    """

    source: str
    account: str
    stream: str
    kind: str
    is_occasional: bool
    first: int
    series: tuple[tuple[str, str], ...]
    ready: np.ndarray
    pulled: np.ndarray
    answers: np.ndarray
    not_ready: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    unknown_fields: tuple[tuple[str, ...], ...]
    inputs: np.ndarray

    @property
    def days(self) -> np.ndarray:
        """Ordinals of the day axis."""
        return self.first + np.arange(self.answers.shape[1])

    @property
    def starts(self) -> np.ndarray:
        """When each day of the axis begins, hours since 1970."""
        return day_starts(self.first, self.first + self.answers.shape[1] - 1)

    def last_pull(
        self, until: np.ndarray | float, since: np.ndarray | float = -np.inf
    ) -> np.ndarray:
        """[…, day] index of the newest pull that answers for each day, pulled within bounds; or -1.

        The bounds are hours since 1970: one for all days, one per day, or more rows of such.
        """
        moments = self.pulled[:, None]
        until = np.expand_dims(until, -2) if np.ndim(until) else until
        usable = self.answers & (moments <= until) & (moments >= since)
        index = np.where(usable, np.arange(len(self.pulled))[:, None], -1)
        return index.max(axis=-2, initial=-1)

    def known(self, pull_of_day: np.ndarray) -> np.ndarray:
        """[series, …, day] values as known by the pull given per day; NaN where there is none."""
        days = np.arange(pull_of_day.shape[-1])
        found = self.values[:, pull_of_day, days]
        return np.where(pull_of_day >= 0, found, np.nan)


def hours(moment: datetime) -> float:
    """Hours since 1970 in UTC."""
    return moment.astimezone(UTC).timestamp() / 3600


@cache
def day_starts(first: int, last: int) -> np.ndarray:
    """When each business day from first to last (ordinals) begins, hours since 1970."""
    starts = np.array([_start(day) for day in range(first, last + 1)])
    starts.flags.writeable = False  # shared
    return starts


@cache
def _start(day: int) -> float:
    return hours(start_of(date.fromordinal(day)))


def history(
    stream: "Stream", account: str, commits: "list[Commit]", first: date, last: date
) -> History:
    """Arrays over the days first to last from a stream's commits, oldest pull first."""
    width = last.toordinal() - first.toordinal() + 1
    origin = first.toordinal()
    has_channels = stream.channel_column is not None
    packed = [_packed(commit) for commit in commits]
    wanted = set(stream.measures)
    layouts = {pack.names for pack in packed}
    names = sorted(
        {
            (_channel(channel, has_channels), measure)
            for layout in layouts
            for channel, measure in layout
            if measure in wanted
        }
    )
    if not names:
        names = [("", measure) for measure in stream.measures]
    index = {name: number for number, name in enumerate(names)}
    series_of = {
        layout: np.array(
            [
                index.get((_channel(channel, has_channels), measure), -1)
                for channel, measure in layout
            ],
            dtype=int,
        )
        for layout in layouts
    }
    shape = (len(names), len(commits), width)
    is_event = str(stream.kind) == "event"
    answers = _marked([pack.covered for pack in packed], origin, width)
    not_ready = _marked([pack.not_ready for pack in packed], origin, width)
    series = _joined([series_of[pack.names][pack.name] for pack in packed])
    days = _joined([pack.day for pack in packed]) - origin
    pulls = _pull_numbers([pack.day for pack in packed])
    inside = (series >= 0) & (days >= 0) & (days < width)
    cells = np.ravel_multi_index((series[inside], pulls[inside], days[inside]), shape)
    found = _joined([pack.value for pack in packed], float)[inside]
    values = np.full(shape, np.nan)
    # added, not set: '' and null may both be "no channel"
    values.ravel()[cells] = np.bincount(cells, found, values.size)[cells]
    pulled = np.array([hours(c.pulled_at) for c in commits])
    if is_event:
        # what a pull does not mention is as it was; a pull after the day's end knows the day
        values = np.nan_to_num(_carried_forward(values))
        answers = pulled[:, None] >= day_starts(origin + 1, origin + width)[None, :]
    else:
        # a whole day is answered for: a channel that is not in the answer had nothing
        values = np.where(answers[None], np.nan_to_num(values), np.nan)
    return History(
        stream.source,
        account,
        stream.name,
        str(stream.kind),
        stream.is_occasional,
        origin,
        tuple(names),
        day_starts(origin, origin + width - 1)
        + (0 if str(stream.kind) == "entity" else 24)
        + stream.ready_at.hour
        + stream.ready_at.minute / 60,
        pulled,
        answers,
        not_ready,
        values,
        np.array([c.rows for c in commits]),
        tuple(tuple(c.unknown_fields) for c in commits),
        np.array([len(c.inputs) if c.inputs else -1 for c in commits]),
    )


class _Packed(NamedTuple):
    """A commit's arrivals as columns; `name` indexes `names`, days are ordinals."""

    names: tuple[tuple[str, str], ...]
    name: np.ndarray
    day: np.ndarray
    value: np.ndarray
    covered: np.ndarray
    not_ready: np.ndarray


# commits never change, so each is packed once per process; weak, so that none is kept alive
_packs: dict[int, tuple[weakref.ref, _Packed]] = {}


def _packed(commit: "Commit") -> _Packed:
    key = id(commit)
    held = _packs.get(key)
    if held is not None and held[0]() is commit:
        return held[1]
    names: dict[tuple[str, str], int] = {}
    name = [names.setdefault((a.channel, a.measure), len(names)) for a in commit.arrivals]
    pack = _Packed(
        tuple(names),
        np.array(name, dtype=int),
        np.array([a.event_date.toordinal() for a in commit.arrivals], dtype=int),
        np.array([a.value for a in commit.arrivals], dtype=float),
        np.array([day.toordinal() for day in commit.covered_dates], dtype=int),
        np.array([day.toordinal() for day in commit.not_ready_dates], dtype=int),
    )
    _packs[key] = (weakref.ref(commit, lambda _: _packs.pop(key, None)), pack)
    return pack


def _marked(days_of_pull: list[np.ndarray], origin: int, width: int) -> np.ndarray:
    """[pull, day] whether a pull names a day."""
    marked = np.zeros((len(days_of_pull), width), dtype=bool)
    days = _joined(days_of_pull) - origin
    inside = (days >= 0) & (days < width)
    marked[_pull_numbers(days_of_pull)[inside], days[inside]] = True
    return marked


def _joined(parts: list[np.ndarray], dtype: type = int) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=dtype)


def _pull_numbers(parts: list[np.ndarray]) -> np.ndarray:
    """Of each of the joined entries, which part it came from."""
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _channel(name: str, has_channels: bool) -> str:
    return name or (NO_CHANNEL if has_channels else "")


def _carried_forward(values: np.ndarray) -> np.ndarray:
    pulls = values.shape[1]
    if not pulls:
        return values
    seen = np.where(np.isnan(values), -1, np.arange(pulls)[None, :, None])
    newest = np.maximum.accumulate(seen, axis=1)
    carried = np.take_along_axis(values, np.maximum(newest, 0), axis=1)
    return np.where(newest >= 0, carried, np.nan)
