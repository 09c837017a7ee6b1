"""How many calls of one endpoint may be under way at once: found out, because nobody publishes it.

A vendor that says "too many at once" gets half as many from then on; after a while without such an
answer, one more is tried. Counted per process: several processes find their shares each.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 32
# answers without a refusal, per lane, before one more is tried
PATIENCE = 20


class Lanes:
    """The lanes of one app and endpoint in this process."""

    def __init__(self) -> None:
        """All lanes are open until a vendor objects."""
        self.limit = MOST
        self._active = 0
        self._good = 0
        self._free = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a lane, waiting for a free one."""
        with self._free:
            self._free.wait_for(lambda: self._active < self.limit)
            self._active += 1
        try:
            yield
        finally:
            with self._free:
                self._active -= 1
                self._free.notify()

    def crowded(self) -> None:
        """The vendor refused: half as many as were under way, this call among them."""
        with self._free:
            self.limit = max(1, min(self.limit, self._active + 1) // 2)
            self._good = 0

    def went_well(self) -> None:
        """An answer without such a refusal."""
        if self.limit >= MOST:
            return
        with self._free:
            self._good += 1
            if self._good >= PATIENCE * self.limit:
                self.limit, self._good = self.limit + 1, 0
                self._free.notify()


_LANES: dict[tuple[str, str], Lanes] = {}
_LOCK = threading.Lock()


def lanes_of(app: str, endpoint: str) -> Lanes:
    """The lanes of an app and endpoint, kept between pulls."""
    with _LOCK:
        return _LANES.setdefault((app, endpoint), Lanes())
