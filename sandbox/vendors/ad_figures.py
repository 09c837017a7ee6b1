"""What an ad platform shows at the virtual now: counters by cell and day, or by cell and hour."""

from collections.abc import Callable, Hashable, Sequence
from datetime import date
from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, MINUTE_MS, date_of_number, day_start_ms
from sandbox.world.ads import KINDS, Cell
from sandbox.world.randomness import HOUR_CUM

DELIVERED = ("impressions", "clicks", "cost_fen")
# an hour's figures are there half an hour after its end
HOUR_LAG_MS = 30 * MINUTE_MS


class Figures:
    """Counters of one platform as visible now, cached until the clock or a fault changes.

    A counter is `impressions`, `clicks`, `cost_fen`, a percentage of one of them in whole numbers
    per cell and day (`impressions%82`), or a claim written as
    `<clock>[<window days>]:<kinds joined by +>[:value]`, e.g. `event:lead+add`, `request7:order`
    or `request:order:value`. Clock `event` is the day of the conversion, `request` that of the
    click. Arrays are cells x days of the period.
    """

    def __init__(
        self,
        state: State,
        platform: str,
        *,
        share_shown: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Figures of a platform.

        Args:
            state: world, clock and faults.
            platform: name of the source.
            share_shown: milliseconds since a day began -> part of its delivery that shows before
                it is settled; the default follows the hours of the day.
        """
        self._state = state
        self._platform = platform
        self._share_shown = share_shown or share_by_hours
        self._version = -1
        self._cache: dict[Hashable, Any] = {}

    def cached(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, kept until the clock or a fault changes."""
        if self._version != self._state.version:
            self._cache, self._version = {}, self._state.version
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    # ----------------------------------------------------------------------------------- days
    def cells(self, account: str) -> list[Cell]:
        """The cells of an account, in the order of the arrays' rows."""
        ads = self._state.world.ads
        return [ads.cells[n] for n in ads.cells_of(self._platform, account)]

    def days(self, first: int, last: int) -> slice:
        """Columns of the days from one day number to another, as far as the period has them."""
        calendar = self._state.world.calendar
        start, stop = first - calendar.first_number, last - calendar.first_number + 1
        return slice(max(start, 0), max(min(stop, calendar.count), 0))

    def counter(self, account: str, stream: str, name: str) -> np.ndarray:
        """One counter, cells x days."""
        if name.partition("%")[0] in DELIVERED:
            return self.cached(
                (account, stream, name), lambda: self._delivered(account, stream, name)
            )
        return self.cached(
            (account, stream, name), lambda: self._claimed(account, stream, name).sum(axis=2)
        )

    def hours(self, account: str, stream: str, name: str, day: int) -> np.ndarray:
        """One counter of one day (a day number), cells x 24; the hours sum to the whole day."""
        column = self.days(day, day)
        if column.start >= column.stop:
            return np.zeros((len(self.cells(account)), 24), dtype=np.int64)
        over = self._state.now_ms >= day_start_ms(day) + np.arange(1, 25) * HOUR_MS + HOUR_LAG_MS
        if name.partition("%")[0] in DELIVERED:
            whole, _, is_held = self._delivery(account, stream, name)
            split = np.floor(whole[:, column.start, None] * HOUR_CUM[None, :] + 1e-9)
            split = np.diff(split.astype(np.int64), axis=1, prepend=0)
            return np.where(over[None, :] & ~is_held[:, column.start, None], split, 0)
        return self._claimed(account, stream, name)[:, column.start, :]

    def table(
        self,
        account: str,
        stream: str,
        names: dict[str, str],
        days: tuple[int, int],
        *,
        hourly: bool,
    ) -> tuple[list[tuple[date, int]], dict[str, np.ndarray]]:
        """Several counters over some days.

        Args:
            account: whose.
            stream: which stream's faults count.
            names: name in the answer -> counter.
            days: first and last day number; days outside the period have no columns.
            hourly: a column per hour instead of per day.

        Returns:
            the (date, hour) of each column, and per name an array of cells x columns.
        """
        chosen = self.days(*days)
        base = self._state.world.calendar.first_number
        numbers = range(base + chosen.start, base + max(chosen.stop, chosen.start))
        if not hourly:
            return [(date_of_number(n), 0) for n in numbers], {
                name: self.counter(account, stream, counter)[:, chosen]
                for name, counter in names.items()
            }
        empty = np.zeros((len(self.cells(account)), 0), dtype=np.int64)
        return [(date_of_number(n), hour) for n in numbers for hour in range(24)], {
            name: np.concatenate(
                [empty, *(self.hours(account, stream, counter, n) for n in numbers)], axis=1
            )
            for name, counter in names.items()
        }

    # ------------------------------------------------------------------------------- delivery
    def _delivery(
        self, account: str, stream: str, name: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """True values, whether they are settled, whether a fault holds them; cells x days."""
        ads = self._state.world.ads
        mine = ads.cells_of(self._platform, account)
        settled, is_held = self.cached(
            ("ready", account, stream), lambda: self._ready(mine, account, stream)
        )
        base, _, percentage = name.partition("%")
        whole = getattr(ads, base)[mine]
        return whole * int(percentage) // 100 if percentage else whole, settled, is_held

    def _ready(self, mine: np.ndarray, account: str, stream: str) -> tuple[np.ndarray, np.ndarray]:
        state = self._state
        shape = (len(mine), state.world.calendar.count)
        normal = state.world.ads.visible_ms[mine]
        ready = faults.effective(
            state.faults_of(self._platform, account, stream),
            normal,
            np.broadcast_to(self._numbers(), shape),
            np.broadcast_to(self._channels(mine)[:, None], shape),
        )
        return ready <= state.now_ms, (ready > state.now_ms) & (ready > normal)

    def _delivered(self, account: str, stream: str, name: str) -> np.ndarray:
        whole, settled, is_held = self._delivery(account, stream, name)
        since = self._state.now_ms - day_start_ms(self._numbers())
        share = np.where(settled, 1.0, self._share_shown(since)[None, :])
        share[is_held] = 0.0
        return np.floor(whole * share + 1e-9).astype(np.int64)

    # --------------------------------------------------------------------------------- claims
    def _claimed(self, account: str, stream: str, name: str) -> np.ndarray:
        """Claims counted (or their value summed), cells x days x 24."""
        return self.cached(
            ("claims", account, stream, name), lambda: self._count_claims(account, stream, name)
        )

    def _count_claims(self, account: str, stream: str, name: str) -> np.ndarray:
        state, ads = self._state, self._state.world.ads
        claims, count = ads.claims, state.world.calendar.count
        clock, kinds, *rest = name.split(":")
        window = int(clock.removeprefix("request") or 0) if clock != "event" else 0
        mine = ads.cells_of(self._platform, account)
        position = np.full(len(ads.cells), -1)
        position[mine] = np.arange(len(mine))
        day = claims.event_day if clock == "event" else claims.request_day
        hour = claims.event_hour if clock == "event" else claims.request_hour
        wanted = np.isin(ads.claim_kind(), [KINDS.index(k) for k in kinds.split("+")])
        chosen = wanted & (position[claims.cell] >= 0) & (day >= 0) & (day < count)
        if window:
            chosen &= claims.event_day - claims.request_day <= window
        cell, day, hour = position[claims.cell[chosen]], day[chosen], hour[chosen]
        visible = faults.effective(
            state.faults_of(self._platform, account, stream),
            claims.visible_ms[chosen],
            state.world.calendar.first_number + day,
            self._channels(mine)[cell],
        )
        settled, is_held = self.cached(
            ("ready", account, stream), lambda: self._ready(mine, account, stream)
        )
        seen = (visible <= state.now_ms) & ~is_held[cell, day]
        if self._share_shown is share_when_settled:
            seen &= settled[cell, day]
        weights = ads.conversions.value_fen[claims.conversion[chosen]][seen] if rest else None
        flat = ((cell * count + day) * 24 + hour)[seen]
        total = np.bincount(flat, weights, minlength=len(mine) * count * 24)
        return np.round(total).astype(np.int64).reshape(len(mine), count, 24)

    def _numbers(self) -> np.ndarray:
        calendar = self._state.world.calendar
        return calendar.first_number + np.arange(calendar.count)

    def _channels(self, mine: np.ndarray) -> np.ndarray:
        return np.array([self._state.world.ads.cells[n].channel for n in mine])


def grouped(
    cell_keys: Sequence[Hashable],
    time_keys: Sequence[Hashable],
    counters: dict[str, np.ndarray],
) -> list[tuple[Any, Any, dict[str, int]]]:
    """Sum counters (cells x times) by the keys; groups without any figure are left out.

    A key of None takes the cell or the time out. Groups come by time, then by cell, each in the
    order of its first appearance.
    """
    cell_names = list(dict.fromkeys(k for k in cell_keys if k is not None))
    time_names = list(dict.fromkeys(k for k in time_keys if k is not None))
    by_cell = np.array([[k == n for k in cell_keys] for n in cell_names], dtype=np.int64)
    by_time = np.array([[k == n for n in time_names] for k in time_keys], dtype=np.int64)
    if not cell_names or not time_names:
        return []
    names = list(counters)
    summed = np.stack([by_cell @ counters[n] @ by_time for n in names])
    present = summed.any(axis=0)
    return [
        (time_names[t], cell_names[c], dict(zip(names, summed[:, c, t].tolist(), strict=True)))
        for t, c in np.argwhere(present.T).tolist()
    ]


def share_by_hours(since_ms: np.ndarray) -> np.ndarray:
    """Part of a day's delivery in its finished hours; all of it after midnight."""
    hours = np.clip((since_ms - HOUR_LAG_MS) // HOUR_MS, 0, 24).astype(np.int64)
    return np.concatenate([[0.0], HOUR_CUM])[hours]


def share_when_settled(since_ms: np.ndarray) -> np.ndarray:
    """Nothing before the day is settled."""
    return np.zeros(len(since_ms))


def share_of_tencent(since_ms: np.ndarray) -> np.ndarray:
    """Daily report: part of the day while it runs, nearly all until 08:00 of the next."""
    during = np.clip(since_ms / DAY_MS, 0, 1) * 0.9
    return during + np.clip((since_ms - DAY_MS) / (8 * HOUR_MS), 0, 1) * 0.08


def share_of_oceanengine(since_ms: np.ndarray) -> np.ndarray:
    """Estimates that move both ways: a little too high in the evening, corrected by 09:00."""
    correction = 1 + 0.012 * np.sin(since_ms / HOUR_MS * 1.7)
    return share_by_hours(since_ms) * correction
