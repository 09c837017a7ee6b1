"""Faults that a person injects: what of the world becomes visible later than it would.

`freeze --from D --days N`: from day D on nothing new of the scope appears, and everything that
was held back appears at once on day D+N at 12:00. Days before D still complete in the morning of
D (their night batches ran), so the morning cycles of business days D..D+N-1 miss the scope and
the cycle of D+N is whole again.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np

from sandbox.faults.registry import ACCOUNTS, STREAMS, WITH_CHANNELS
from sandbox.parameters import CHANNEL_IDS, SITE_SETS
from sandbox.timeline import HOUR_MS, iso, midnight_ms, number_of_date
from siyu.errors import UsageError

KINDS = ("freeze",)
NOON_MS = 12 * HOUR_MS


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

    @property
    def from_ms(self) -> int:
        """00:00 of the first frozen day."""
        return midnight_ms(date.fromisoformat(self.first_date))

    @property
    def released_ms(self) -> int:
        """When everything held back appears."""
        planned = midnight_ms(date.fromisoformat(self.first_date) + timedelta(self.days)) + NOON_MS
        return planned if self.cleared_ms is None else min(planned, self.cleared_ms)

    def touches(self, source: str, account: str, stream: str) -> bool:
        """Whether any part of the stream of this account is in the scope."""
        return (
            self.source == source and self.account in ("", account) and self.stream in ("", stream)
        )

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
        return own | {
            "state": state,
            "withheld_from": iso(max(self.from_ms, self.added_ms)),
            "older_days_withheld_from": iso(max(self.from_ms + NOON_MS, self.added_ms)),
            "released_at": iso(self.released_ms),
        }


def make(number: int, request: dict, now_ms: int) -> Fault:
    """A fault from a request, or a message that names what is allowed.

    Raises:
        UsageError: unknown kind, source, account, stream or channel, or a malformed window.
    """
    text = {
        key: str(request.get(key) or "")
        for key in ("kind", "source", "account", "channel", "stream", "from")
    }
    if request.get("param"):
        raise UsageError(
            "freeze takes no --param", where=str(request["param"]), action="leave it out"
        )
    _one_of("kind", text["kind"], KINDS)
    _one_of("source", text["source"], STREAMS)
    if text["account"]:
        _one_of(f"account of {text['source']}", text["account"], ACCOUNTS[text["source"]])
    streams = STREAMS[text["source"]]
    if text["stream"]:
        _one_of(f"stream of {text['source']}", text["stream"], streams)
    if text["channel"]:
        if text["source"] not in WITH_CHANNELS:
            raise UsageError(
                f"The streams of {text['source']} have no channels",
                where=text["channel"],
                action="leave --channel out, or choose a source that has them: "
                + ", ".join(WITH_CHANNELS),
            )
        text["channel"] = channel_of(text["source"], text["channel"])
    try:
        first = date.fromisoformat(text["from"])
        days = int(request.get("days") or 0)
        if days < 1:
            raise ValueError
    except ValueError:
        raise UsageError(
            "A fault needs a first day and a number of days",
            where=str(request),
            action="give --from YYYY-MM-DD and --days N (at least 1)",
        ) from None
    return Fault(
        number,
        text["kind"],
        text["source"],
        text["account"],
        text["channel"],
        text["stream"],
        first.isoformat(),
        days,
        now_ms,
    )


def channel_of(source: str, name: str) -> str:
    """The channel id behind a channel id or (Tencent) a site set."""
    if source == "tencent_ads":
        _one_of("channel of tencent_ads", name, (*SITE_SETS, *SITE_SETS.values()))
        return SITE_SETS.get(name, name)
    return _one_of("channel of page_events", name, CHANNEL_IDS)


def _one_of(what: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        raise UsageError(f"'{value}' is no {what}", action=f"choose one of: {', '.join(allowed)}")
    return value


def effective(
    faults: list[Fault],
    visible_ms: np.ndarray,
    event_day: np.ndarray,
    channel: np.ndarray | None = None,
) -> np.ndarray:
    """When each fact really becomes visible under the given faults.

    Args:
        faults: those that touch the stream (see `Fault.touches`).
        visible_ms: when each fact would become visible without faults.
        event_day: day number (since 1970) of the business day each fact belongs to.
        channel: channel id of each fact, where the stream has channels.
    """
    if not faults:
        return visible_ms
    result = visible_ms.copy()
    for fault in sorted(faults, key=lambda f: (f.from_ms, f.id)):
        first_day = number_of_date(date.fromisoformat(fault.first_date))
        held = (
            (result >= max(fault.from_ms, fault.added_ms))
            & (result < fault.released_ms)
            & ((event_day >= first_day) | (result >= fault.from_ms + NOON_MS))
        )
        if fault.channel:
            if channel is None:
                continue
            held &= channel == fault.channel
        result[held] = fault.released_ms
    return result
