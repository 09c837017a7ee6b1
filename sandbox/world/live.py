"""Live sessions of the Channels account: when they run, who watches, what they sell."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import CHANNEL_IDS
from sandbox.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from sandbox.world.calendar import Calendar
from sandbox.world.randomness import hex_ids, stream

_TITLES = ("护肤答疑专场", "会员日直播", "新品首发", "主播带你逛实验室", "换季护肤清单")
# viewers of the room per visitor of its tracked page
VIEWERS_PER_VISIT = 11.0


@dataclass
class LiveTimes:
    """When each session runs; sessions never overlap."""

    start_ms: np.ndarray
    end_ms: np.ndarray

    def session_at(self, moment_ms: np.ndarray) -> np.ndarray:
        """Session that runs at each moment, -1 where none does."""
        found = np.searchsorted(self.start_ms, moment_ms, side="right") - 1
        runs = (found >= 0) & (moment_ms < self.end_ms[np.maximum(found, 0)])
        return np.where(runs, found, -1)


@dataclass
class LiveSessions:
    """One row per session, final figures."""

    live_id: np.ndarray
    export_id: np.ndarray
    title: list[str]
    start_ms: np.ndarray
    end_ms: np.ndarray
    new_watch_uv: np.ndarray
    max_online_watch_uv: np.ndarray
    impression_uv: np.ndarray
    watch_seconds: np.ndarray
    new_follow_uv: np.ndarray
    comment_uv: np.ndarray


def live_times(seed: int, calendar: Calendar) -> LiveTimes:
    """An evening session on most days, a daytime one on many."""
    rng = stream(seed, "live_times")
    count = calendar.count
    midnight = calendar.start_ms + np.arange(count) * DAY_MS
    runs = rng.random((count, 2)) < np.array([0.55, 0.93])
    begin = np.array([[10 * HOUR_MS, 18 * HOUR_MS]]) + rng.integers(0, 45, (count, 2)) * MINUTE_MS
    length = np.array([[6 * HOUR_MS, 4 * HOUR_MS]]) + rng.integers(0, 60, (count, 2)) * MINUTE_MS
    start = (midnight[:, None] + begin)[runs]
    return LiveTimes(start, start + length[runs])


def live_sessions(
    seed: int, times: LiveTimes, channel: np.ndarray, event_type: np.ndarray, event_ms: np.ndarray
) -> LiveSessions:
    """Sessions with their audience, which follows the visits of the live_stream channel.

    Args:
        seed: the world's seed.
        times: when sessions run.
        channel: of each page event.
        event_type: of each page event; 0 is a view.
        event_ms: of each page event, ascending.
    """
    rng = stream(seed, "live_sessions")
    visits = event_ms[(channel == CHANNEL_IDS.index("live_stream")) & (event_type == 0)]
    seen = np.searchsorted(visits, times.end_ms) - np.searchsorted(visits, times.start_ms)
    count = len(seen)
    watch = (seen * VIEWERS_PER_VISIT * rng.lognormal(0, 0.15, count) + 40).astype(np.int64)
    return LiveSessions(
        live_id=np.array([f"{2_050_000_000_000_000 + 7_919 * n}" for n in range(count)]),
        export_id=hex_ids(rng, count, 32, "export/UzFf"),
        title=[_TITLES[n % len(_TITLES)] for n in range(count)],
        start_ms=times.start_ms,
        end_ms=times.end_ms,
        new_watch_uv=watch,
        max_online_watch_uv=rng.binomial(watch, 0.12),
        impression_uv=watch + rng.poisson(watch * 2.4),
        watch_seconds=rng.integers(55, 260, count),
        new_follow_uv=rng.binomial(watch, 0.021),
        comment_uv=rng.binomial(watch, 0.055),
    )
