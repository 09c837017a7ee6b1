"""Run the freshness gate over a synthetic history, day by day, as the daily cycle does."""

from bisect import bisect_right
from datetime import date, timedelta

from world import FakeStream, World, morning

from expectations import checks, freshness, judgement
from expectations.freshness import Evidence
from expectations.incident_log import Incident, derive
from expectations.suites import freshness as suites
from expectations.verdict import Verdict
from extractors.core.manifest import Commit
from siyu.calendar import days


def judge(
    pairs: list[tuple[str, FakeStream]], commits: list[Commit], day: date, evidence: Evidence
) -> list[Verdict]:
    """One gate run for the cycle of a business day, without a log."""
    as_of = morning(day)
    rows = freshness.series_rows(pairs, commits, as_of, evidence)
    return judgement.verdicts(rows, checks.run(freshness.frame_of(rows), suites.arrivals), as_of)


def replay(world: World, commits: list[Commit], first: date, last: date) -> "Replay":
    """Every cycle from first to last; what a run finds is evidence for the next."""
    commits = sorted(commits, key=lambda c: c.pulled_at)
    moments = [c.pulled_at for c in commits]
    runs: list[tuple[Verdict, ...]] = []
    evidence = Evidence()
    for day in days(first, last):
        seen = commits[: bisect_right(moments, morning(day))]
        runs.append(tuple(judge([(world.account, world.stream)], seen, day, evidence)))
        evidence.open_days.clear()
        for verdict in (v for v in runs[-1] if not v.passed and v.family == "arrival"):
            evidence.bad_days.setdefault(verdict.scope, set()).add(verdict.event_date)
            evidence.open_days.setdefault(verdict.scope, set()).add(verdict.event_date)
    return Replay(runs, first)


class Replay:
    """The verdicts of consecutive days."""

    def __init__(self, runs: list[tuple[Verdict, ...]], first: date) -> None:
        self.runs, self.first = runs, first

    def failures(self, day: date) -> list[Verdict]:
        """Everything the cycle of a business day failed."""
        return [v for v in self.runs[(day - self.first).days] if not v.passed]

    def newest(self, day: date) -> set[tuple[str, str]]:
        """(channel, cause) of the failures about the cycle's own day."""
        return {(v.channel, v.cause) for v in self.failures(day) if v.event_date == day}

    @property
    def failed_channels(self) -> set[str]:
        """Every channel that ever failed."""
        return {v.channel for run in self.runs for v in run if not v.passed}

    @property
    def incidents(self) -> list[Incident]:
        """Derived as from the log."""
        return derive(self.runs)


def until(first: date, length: int) -> list[date]:
    """`length` days from the first on."""
    return days(first, first + timedelta(length - 1))
