"""Synthetic histories of pulls, with known faults, in the manifest's own shapes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

import numpy as np

from extractors.core.manifest import Arrival, Commit, LandedFile
from siyu.calendar import at, business_date
from siyu.calendar import days as days_between

FIRST = date(2026, 3, 2)


@dataclass(frozen=True)
class FakeStream:
    """What the gates read of a stream."""

    source: str
    name: str
    kind: str
    measures: tuple[str, ...]
    channel_column: str | None = None
    ready_at: time = time(8)
    primary_key: tuple[str, ...] = ("id",)
    version_column: str | None = None
    is_occasional: bool = False


AD = FakeStream(
    "tencent_ads",
    "daily_report_request_time",
    "report",
    ("cost", "view_count", "valid_click_count", "conversions_count"),
    "site_set",
)
EVENTS = FakeStream(
    "page_events",
    "page_event",
    "event",
    ("page_view", "link_click", "lead_form", "booking"),
    "utm_source",
    time(0),
)
STAFF = FakeStream("wecom", "user_behavior", "report", ("rows", "message_cnt"), None, time(6))

# share known d days after the day; the morning pull of the next day is delay 1
CURVES = {
    "lead_form": (0.40, 0.52, 0.60, 0.78, 0.92, 0.99, 0.995, 1.0),
    "booking": (0.40, 0.52, 0.60, 0.78, 0.92, 0.99, 0.995, 1.0),
    "conversions_count": (0.45, 0.63, 0.74, 0.82, 0.87, 0.91, 0.93, 0.95),
}
CHANNELS = {
    "page_events": ("live_stream", "short_video", "community", "partner", "tiny"),
    "tencent_ads": ("MOMENTS", "CHANNELS", "WECHAT"),
    "wecom": ("",),
}
DAILY = {
    "live_stream": 160,
    "short_video": 90,
    "community": 60,
    "partner": 35,
    "tiny": 1.5,
    "MOMENTS": 900,
    "CHANNELS": 400,
    "WECHAT": 150,
    "": 500,
}
SHARE = {
    "page_view": 1.0,
    "link_click": 0.35,
    "lead_form": 0.08,
    "booking": 0.03,
    "view_count": 60,
    "valid_click_count": 1.0,
    "cost": 120,
    "conversions_count": 0.03,
    "message_cnt": 4,
}


@dataclass
class World:
    """True day values of one stream, and what a pull of each morning sees of them.

    `hide(day, channel, pulled_date) -> share` lets a fault withhold part of a day.
    """

    stream: FakeStream
    seed: int
    days: int = 120
    account: str = "a1"
    growth: float = 0.002
    truth: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        rhythm = np.array([1, 1.02, 1, 0.98, 1.05, 0.8, 0.75]) * rng.uniform(0.9, 1.1, 7)
        self.rng = rng
        for n, day in enumerate(days_between(FIRST, FIRST + timedelta(self.days))):
            holiday = 0.65 if date(2026, 5, 1) <= day <= date(2026, 5, 5) else 1.0
            common = rng.gamma(80) / 80 * rhythm[day.weekday()] * (1 + self.growth) ** n * holiday
            for channel in CHANNELS[self.stream.source]:
                own = rng.gamma(60) / 60
                for measure in self.stream.measures:
                    mean = DAILY[channel] * SHARE.get(measure, 1) * common * own
                    value = 40 if measure == "rows" else float(rng.poisson(mean))
                    # each (day, measure) has its own lateness: beta noise round the curve
                    curve = np.array(CURVES.get(measure, (0.97, *[1.0] * 7)))
                    if measure in CURVES:
                        slow = 0.8 if day.weekday() >= 5 else 1.0
                        curve = np.minimum(curve, curve * slow + (1 - slow) * (curve > 0.9))
                        curve = np.maximum.accumulate(
                            rng.beta(60 * curve + 0.01, 60 * (1 - curve) + 0.01)
                        )
                    self.truth[day, channel, measure] = (value, curve)

    def seen(self, day: date, channel: str, measure: str, pulled: date) -> float:
        """The value that a pull of that day's morning knows."""
        value, curve = self.truth[day, channel, measure]
        delay = (pulled - day).days
        if delay < 1:
            return 0.0
        return float(round(value * curve[min(delay, len(curve) - 1)]))

    def commits(
        self,
        hide: Callable[[date, str, date], float] = lambda *_: 1.0,
        skip: Callable[[date], bool] = lambda _: False,
        window: int = 8,
    ) -> list[Commit]:
        """One pull each morning at 10:30, for the days of the window before it."""
        made = []
        for pulled_date in days_between(FIRST + timedelta(1), FIRST + timedelta(self.days)):
            if skip(pulled_date):
                continue
            first = max(FIRST, pulled_date - timedelta(window))
            covered = tuple(days_between(first, pulled_date - timedelta(1)))
            arrivals, files = [], []
            for day in covered:
                total = 0.0
                for channel in CHANNELS[self.stream.source]:
                    share = hide(day, channel, pulled_date)
                    for measure in self.stream.measures:
                        value = float(round(self.seen(day, channel, measure, pulled_date) * share))
                        if value:
                            arrivals.append(Arrival(day, channel, measure, value))
                        total += value
                if total:
                    files.append(LandedFile(f"{day}-{pulled_date}", day, int(total), 1, "h"))
            made.append(commit(self.stream, self.account, pulled_date, covered, arrivals, files))
        return made


def commit(
    stream: FakeStream,
    account: str,
    pulled_date: date,
    covered: tuple[date, ...],
    arrivals: list[Arrival],
    files: list[LandedFile],
    **others: object,
) -> Commit:
    """A commit of the morning pull of one day."""
    moment = at(pulled_date, time(10, 30))
    made = Commit(
        source=stream.source,
        stream=stream.name,
        kind=stream.kind,
        account=account,
        run_id=f"{pulled_date:%Y%m%d}{account[:4]}",
        pulled_at=moment,
        started_at=moment,
        finished_at=moment,
        first_date=covered[0],
        last_date=covered[-1],
        covered_dates=covered,
        rows=sum(f.rows for f in files),
        bytes=1,
        requests=1,
        schema_fingerprint="s",
        files=tuple(files),
        arrivals=tuple(arrivals),
    )
    return replace(made, **others)


def morning(day: date) -> datetime:
    """The daily cycle of business day `day`."""
    return at(day + timedelta(1), time(10, 30))


def frozen(first: date, length: int, *channels: str) -> Callable[[date, str, date], float]:
    """Nothing of these channels (all when none is named) from `first` on, until it thaws."""

    def share(day: date, channel: str, pulled: date) -> float:
        held = day >= first and pulled <= first + timedelta(length)
        return 0.0 if held and (not channels or channel in channels) else 1.0

    return share


def pulled_day(moment: datetime) -> date:
    """The business day of a pull."""
    return business_date(moment)
