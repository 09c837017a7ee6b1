"""Rate limits, counted on the time that passed: the real time of the calls plus moves of the clock.

The virtual clock stands still while requests run, so their real time counts; a move of it by a day
is a day in which nobody called.
"""

from collections import deque
from collections.abc import Callable


class RateLimit:
    """At most `calls` in any window of some seconds (a minute unless said) for each key.

    With `block_seconds`, going over blocks the key for that long, as WeCom does.
    """

    def __init__(
        self,
        calls: int,
        *,
        scale: float = 1.0,
        window_seconds: float = 60.0,
        block_seconds: float = 0.0,
        timer: Callable[[], float],
    ) -> None:
        """A scale of 0 switches the limit off."""
        self.limit = max(1, int(calls * scale)) if scale else 0
        self._window_seconds = window_seconds
        self._block_seconds = block_seconds
        self._timer = timer
        self._calls: dict[str, deque[float]] = {}
        self._blocked_until: dict[str, float] = {}

    def allows(self, key: str) -> bool:
        """Count a call and say whether it may pass; refused calls are not counted."""
        if not self.limit:
            return True
        now = self._timer()
        if self._blocked_until.get(key, 0.0) > now:
            return False
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - self._window_seconds:
            calls.popleft()
        if len(calls) >= self.limit:
            self._blocked_until[key] = now + self._block_seconds
            return False
        calls.append(now)
        return True

    def remaining_percent(self, key: str) -> int:
        """Share of the minute's calls that is left."""
        if not self.limit:
            return 100
        return int(100 * (1 - len(self._calls.get(key, ())) / self.limit))
