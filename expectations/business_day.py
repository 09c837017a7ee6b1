"""One business day of one stream: which pull answers for it, and what was known when."""

import math
from datetime import date

import numpy as np

from expectations.arrivals import History

JUDGED_DAYS = 7  # the newest expected day and those before it that may still be open
AGE_TOLERANCE_HOURS = 6.0  # a pull this much later in the day still counts as the same age
STILL_SPAN_DAYS, STILL_DAYS, STILL_VALUE = 14, 3, 50.0
NAMED_FIELDS = 8  # of the fields outside the contract, so many are told by name
ALL = "*"  # the measure of the row that is about the pull as a whole


class BusinessDay:
    """One stream's business day: which pull answers for it, and what was known when."""

    def __init__(
        self, known: History, day: date, newest: date, now: float, newest_pulls: np.ndarray
    ) -> None:
        """Args: `now` in hours since 1970, and the newest pull of each of the days by then."""
        self.known, self.day, self.is_newest = known, day, day == newest
        self.index = day.toordinal() - known.first
        self.now = now
        self.pull = int(newest_pulls[self.index])

    def whole(self) -> dict:
        """The row about the pull as a whole."""
        known = self.known
        row = self.row("", ALL)
        if self.pull < 0:
            late = bool(
                (
                    known.not_ready[:, self.index]
                    & (known.pulled >= known.ready[self.index])
                    & (known.pulled <= self.now)
                ).any()
            )
            # asked, and told to come back later: that is not a missing pull
            row["is_pulled"], row["is_delivered"] = late, not late
            return row
        row["is_delivered"] = not known.not_ready[self.pull, self.index]
        row["has_content"] = not self._is_hollow()
        row["unknown_fields"] = ", ".join(known.unknown_fields[self.pull][:NAMED_FIELDS])
        row["is_known"] = not known.unknown_fields[self.pull]
        return row

    def stands_still(self, members: list[int]) -> bool:
        """Whether the days before have stopped growing, although until then they always grew."""
        mornings = [self._has_not_grown(members, 24.0 * n) for n in range(STILL_SPAN_DAYS)]
        still_for = next(
            (n for n, still in enumerate(mornings) if still is not True), len(mornings)
        )
        earlier = [still for still in mornings[still_for:] if still is not None]
        return still_for > 0 and len(earlier) >= STILL_DAYS and not any(earlier)

    def _has_not_grown(self, members: list[int], hours_ago: float) -> bool | None:
        """Whether older days were, so long ago, as a day before; None: too little to tell."""
        known, now = self.known, self.now - hours_ago
        pull = int(known.last_pull(now, known.ready)[self.index - 1 - int(hours_ago // 24)])
        if pull < 0:
            return None
        then = known.last_pull(min(now, known.pulled[pull]) - 20.0, known.ready)
        later = known.known(known.last_pull(now, known.ready))[members]
        before = known.known(then)[members]
        last = self.index - int(hours_ago // 24)
        span = slice(max(0, last - STILL_SPAN_DAYS), max(0, last))
        old, new = before[:, span].sum(axis=0), later[:, span].sum(axis=0)
        grown = old[old >= STILL_VALUE], new[old >= STILL_VALUE]
        if len(grown[0]) < STILL_DAYS:
            return None
        return bool((grown[0] == grown[1]).all())

    def row(self, channel: str, measure: str) -> dict:
        """A row of this day, nothing wrong with it yet."""
        return empty_row(
            self.known.source,
            self.known.account,
            self.known.stream,
            channel,
            measure,
            self.day,
            is_newest=self.is_newest,
        )

    def _is_hollow(self) -> bool:
        """Whether the pull brought nothing at all where it had brought something before."""
        known, pull = self.known, self.pull
        if known.rows[pull]:
            return False
        if known.inputs[pull] > 0:  # objects were read, and there was nothing in them
            return True
        if known.kind == "event" or not pull:
            return False
        if known.kind == "entity":
            return bool(known.rows[pull - 1])
        earlier = np.nansum(known.values[:, :pull], axis=0)  # [pull, day]
        return bool((earlier[:, known.answers[pull]] > 0).any())


def values_of(days: list[BusinessDay]) -> np.ndarray:
    """[judged, series] what is known of these days of one stream now."""
    known = days[0].known
    return known.values[:, [day.pull for day in days], [day.index for day in days]].T.copy()


def pasts_of(days: list[BusinessDay]) -> np.ndarray:
    """[judged, series, day] what was known of earlier days when they were as old as each is now."""
    known = days[0].known
    index = np.array([day.index for day in days])
    age = known.pulled[[day.pull for day in days]] - known.starts[index]
    then = known.last_pull(known.starts + age[:, None] + AGE_TOLERANCE_HOURS, known.ready)
    axis = np.arange(then.shape[1])
    unfinished = known.not_ready[np.maximum(then, 0), axis]
    found = np.where(unfinished | (axis >= index[:, None]), np.nan, known.known(then))
    return np.ascontiguousarray(found.swapaxes(0, 1))


def empty_row(
    source: str,
    account: str,
    stream: str,
    channel: str,
    measure: str,
    day: date,
    *,
    is_newest: bool,
) -> dict:
    """A row with nothing wrong: flags are true and figures missing where they do not apply."""
    return {
        "key": "|".join((source, account, stream, channel, measure, day.isoformat())),
        "source": source,
        "account": account,
        "stream": stream,
        "channel": channel,
        "measure": measure,
        "event_date": day,
        "is_newest": is_newest,
        "is_pulled": True,
        "is_delivered": True,
        "has_content": True,
        "is_new": True,
        "is_known": True,
        "unknown_fields": "",
        "is_judged": False,
        "value": math.nan,
        "expected": math.nan,
        "expected_low": math.nan,
    }
