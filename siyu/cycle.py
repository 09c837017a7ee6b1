"""The daily cycle: pull, judge, build, judge, publish, tell. DAGs run the same steps as tasks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from siyu.clock import day_of
from siyu.settings import Settings

Progress = Callable[[str], None]


@dataclass
class CycleResult:
    """What one cycle did; `as_json` is the line that `siyu replay --json` prints."""

    date: date
    as_of: datetime
    pulls: list = field(default_factory=list)
    verdicts: list = field(default_factory=list)
    opened: list = field(default_factory=list)
    recovered: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    published: bool | None = None  # None: this cycle was not asked to build
    held_because: str = ""

    @property
    def errors(self) -> list:
        """The pulls that failed."""
        return [pull for pull in self.pulls if pull.error]

    def as_json(self) -> dict:
        """The documented shape; extra keys are additions, none is missing."""
        keys = (
            "gate",
            "source",
            "account",
            "channel",
            "stream",
            "event_date",
            "cause",
            "severity",
            "passed",
        )
        return {
            "date": self.date.isoformat(),
            "as_of_at": self.as_of.isoformat(),
            "pulled": [
                {
                    "source": p.source,
                    "account": p.account,
                    "stream": p.stream,
                    "event_dates": [str(day) for day in p.commit.covered_dates],
                    "rows": p.commit.rows,
                }
                for p in self.pulls
                if p.commit
            ],
            "errors": [
                {
                    "source": p.source,
                    "account": p.account,
                    "stream": p.stream,
                    "error": str(p.error),
                }
                for p in self.errors
            ],
            "verdicts": [{key: getattr(v, key) for key in keys} for v in self.verdicts],
            "opened": [incident_json(i) for i in self.opened],
            "recovered": [incident_json(i) for i in self.recovered],
            "messages": [
                {"channel": m.channel, "kind": m.kind, "incident": m.incident}
                for m in self.messages
            ],
            "published": self.published,
        }


@dataclass(frozen=True)
class BuildOutcome:
    """Whether a build reached the readers, and why not."""

    published: bool
    reason: str
    verdicts: list
    models: int
    seconds: float


def incident_json(incident: object) -> dict:
    """An incident in its documented shape."""
    keys = ("id", "cause", "source", "account", "channel", "stream", "first_date", "last_date")
    return {key: getattr(incident, key) for key in keys}


def run_cycle(
    settings: Settings,
    as_of: datetime,
    *,
    with_build: bool,
    on_progress: Progress = lambda text: None,
) -> CycleResult:
    """Run one daily cycle as of `as_of`; a rerun at the same moment changes nothing for readers."""
    from expectations import freshness_gate, incidents, landing_gate, notify
    from extractors.core.pull import pull_all

    result = CycleResult(day_of(as_of), as_of)
    on_progress("pull")
    result.pulls = pull_all(settings, as_of=as_of)
    commits = [pull.commit for pull in result.pulls if pull.commit]
    on_progress("judge")
    result.verdicts += landing_gate(settings, as_of, commits)
    result.verdicts += freshness_gate(settings, as_of)
    if with_build:
        outcome = build_judge_publish(settings, as_of, on_progress=on_progress)
        result.verdicts += outcome.verdicts
        result.published, result.held_because = outcome.published, outcome.reason
    known = incidents(settings, as_of)
    result.opened = [i for i in known if i.opened_at == as_of]
    result.recovered = [i for i in known if i.recovered_at == as_of]
    result.messages = notify(settings, as_of)
    return result


def build_judge_publish(
    settings: Settings, as_of: datetime, *, on_progress: Progress = lambda text: None
) -> BuildOutcome:
    """Build every layer in one dbt run, judge facts and marts, publish or hold."""
    from expectations import fact_gate, mart_gate, publish
    from siyu.warehouse import build

    built = build(
        settings,
        as_of=as_of,
        on_progress=lambda done, total, name: on_progress(f"build {done}/{total} {name}"),
    )
    on_progress("gates")
    verdicts = [*fact_gate(settings, as_of), *mart_gate(settings, as_of)]
    on_progress("publish")
    result = publish(settings, as_of)
    return BuildOutcome(result.published, result.reason, verdicts, built.models, built.seconds)
