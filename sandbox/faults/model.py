"""What a fault is: its scope, its window, its strength, and how it is listed."""

from dataclasses import asdict, dataclass, field
from datetime import date

import numpy as np

from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS, iso, midnight_ms, number_of_date

NOON_MS = 12 * HOUR_MS
HTTP = "http"


@dataclass
class Fault:
    """One fault. Empty scope fields mean all; `added_ms` and `cleared_ms` are virtual time."""

    id: int
    kind: str
    source: str
    account: str
    channel: str
    stream: str
    first_date: str
    days: int
    added_ms: int
    cleared_ms: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    seen: int = field(default=0, compare=False)  # requests that matched
    hits: int = field(default=0, compare=False)  # answers that were changed

    @property
    def first_number(self) -> int:
        """Day number of the first business day missed."""
        return number_of_date(date.fromisoformat(self.first_date))

    @property
    def from_ms(self) -> int:
        """00:00 of the first day; a protocol fault begins at once."""
        return midnight_ms(date.fromisoformat(self.first_date)) if self.first_date else 0

    @property
    def released_ms(self) -> int:
        """When everything held back appears."""
        planned = self.from_ms + self.days * DAY_MS + NOON_MS if self.days else NEVER_MS
        return planned if self.cleared_ms is None else min(planned, self.cleared_ms)

    def number(self, name: str, default: float) -> float:
        """A numeric parameter."""
        return float(self.params.get(name, default))

    def touches(self, source: str, account: str, stream: str) -> bool:
        """Whether any part of the stream of this account is in the scope."""
        return (
            self.source == source and self.account in ("", account) and self.stream in ("", stream)
        )

    def holds(self, moment_ms: np.ndarray | int, day: np.ndarray | int) -> np.ndarray | bool:
        """Whether what would appear at a moment, of a business day, is in the window.

        Days before the first still complete in the morning of it: their night batches had run.
        """
        return (
            (moment_ms >= max(self.from_ms, self.added_ms))
            & (moment_ms < self.released_ms)
            & ((day >= self.first_number) | (moment_ms >= self.from_ms + NOON_MS))
        )

    def is_on(self, now_ms: int) -> bool:
        """Whether answers that belong to no single day are wrong now."""
        return max(self.from_ms + NOON_MS, self.added_ms) <= now_ms < self.released_ms

    def describe(self, now_ms: int) -> dict:
        """The fault as the API and the command line list it, with its hold window."""
        state = (
            "cleared"
            if self.cleared_ms is not None
            else "scheduled"
            if now_ms < self.from_ms
            else "active"
            if now_ms < self.released_ms
            else "over"
        )
        own = {k: v for k, v in asdict(self).items() if not k.endswith("_ms")}
        own["from"] = own.pop("first_date")
        if self.kind == HTTP:
            return own | {"state": state, "withheld_from": None, "released_at": None}
        return own | {
            "state": state,
            "withheld_from": iso(max(self.from_ms, self.added_ms)),
            "older_days_withheld_from": iso(max(self.from_ms + NOON_MS, self.added_ms)),
            "released_at": iso(self.released_ms),
        }


def _unit(values: np.ndarray) -> np.ndarray:
    """A fixed number in 0..1 for each integer (splitmix64)."""
    with np.errstate(over="ignore"):
        x = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) / float(2**53)


def chosen(visible_ms: np.ndarray, share: float) -> np.ndarray:
    """A fixed part of some facts: by their place, or by their moment where there is but one."""
    if visible_ms.size == 1:
        return _unit(visible_ms) < share
    return (_unit(np.arange(visible_ms.size)) < share).reshape(visible_ms.shape)
