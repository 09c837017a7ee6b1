"""What to do about an incident: the exact windows to pull and models to rebuild, run once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from expectations import incident_log
from expectations.incident_log import Incident
from expectations.lineage import affected_marts
from expectations.verdict import BROKEN_RULE, CHECKER_ERROR, SCHEMA_DRIFT, Verdict
from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings

# nothing that a pull could mend: the code or the machine must change first
NOT_PULLED_AGAIN = frozenset({BROKEN_RULE, CHECKER_ERROR, SCHEMA_DRIFT})


@dataclass(frozen=True)
class Window:
    """Days of one stream of one account to pull again, both ends included."""

    source: str
    account: str
    stream: str
    first: date
    last: date


@dataclass(frozen=True)
class Plan:
    """Everything a repair does, in order."""

    incident: Incident
    windows: tuple[Window, ...]
    models: tuple[str, ...]

    @property
    def commands(self) -> list[str]:
        """The same, as commands that a person could type."""
        pulls = [
            f"siyu pull --source {w.source} --account {w.account} --stream {w.stream} "
            f"--from {w.first} --to {w.last}"
            for w in self.windows
        ]
        return [*pulls, "siyu gate", "siyu build", "siyu publish"]


@dataclass
class Outcome:
    """What a repair did, and whether the gate is satisfied now."""

    plan: Plan
    rows: int = 0
    has_news: bool = True  # the pulls brought anything that was not there before
    verdicts: list[Verdict] = field(default_factory=list)
    recovered: bool = False
    published: bool = False
    reason: str = ""


def plan(settings: Settings, incident_id: str, as_of: datetime) -> Plan:
    """The repair of one incident.

    Raises:
        UsageError: there is no such incident; open ones are listed.
    """
    found = incident_log.incidents(settings, as_of)
    incident = next((i for i in found if i.id == incident_id), None)
    if incident is None:
        names = ", ".join(i.id for i in found if i.is_open) or "none"
        raise UsageError(f"There is no incident {incident_id}", action=f"open incidents: {names}")
    windows = () if incident.cause in NOT_PULLED_AGAIN else _windows(incident)
    return Plan(
        incident, windows, tuple(affected_marts(settings, incident.source, incident.stream))
    )


def open_windows(settings: Settings, as_of: datetime) -> list[Window]:
    """Windows of every open incident that a pull could mend, by the evidence before `as_of`."""
    return [
        window
        for incident in incident_log.incidents(settings, as_of)
        if incident.is_open and incident.cause not in NOT_PULLED_AGAIN
        for window in _windows(incident)
    ]


def run(
    settings: Settings,
    plan: Plan,
    as_of: datetime,
    on_step: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Pull the windows, judge, rebuild and publish, each once.

    Where the source answers with what it answered before, nothing is rebuilt: there is nothing to.

    Raises:
        SiyuError: a pull or the build failed; what was done before it stays done.
    """
    from expectations import freshness_gate, landing_gate
    from extractors.core.pull import pull
    from extractors.registry import get_stream
    from siyu.accounts import load_accounts, select

    outcome = Outcome(plan)
    commits = []
    before = _contents(settings, plan.windows)
    if plan.windows:
        accounts = load_accounts(settings)
    for window in plan.windows:
        on_step(
            f"pull {window.source}/{window.account}/{window.stream} {window.first}..{window.last}"
        )
        account = select(accounts, window.source, window.account)[0]
        commit = pull(
            settings,
            account,
            get_stream(window.source, window.stream),
            as_of=as_of,
            window=(window.first, window.last),
        )
        if commit:
            commits.append(commit)
            outcome.rows += commit.rows
    on_step("gate landing, freshness")
    outcome.verdicts = [*landing_gate(settings, as_of, commits), *freshness_gate(settings, as_of)]
    outcome.has_news = not plan.windows or _contents(settings, plan.windows) != before
    if outcome.has_news:
        _rebuild(settings, as_of, outcome, on_step)
    else:
        outcome.reason = "源端尚无新数据，未重建 · The source has nothing new; nothing was rebuilt"
        on_step(outcome.reason)
    now = incident_log.incidents(settings, as_of)
    outcome.recovered = not any(i.id == plan.incident.id and i.is_open for i in now)
    return outcome


def _contents(settings: Settings, windows: tuple[Window, ...]) -> set[tuple[str, ...]]:
    """What readers have of these days: stream, account, day and hash of the values."""
    from extractors.core.manifest import Manifest

    manifest = Manifest(settings.landing_address)
    found = set()
    for window in windows:
        days = {}
        for commit in manifest.commits(window.source, window.stream, window.account):
            if commit.kind != "event":
                days.update(dict.fromkeys(commit.covered_dates, ()))
            for file in commit.files:
                days[file.event_date] = (*days.get(file.event_date, ()), file.content_hash)
        found |= {
            (window.source, window.account, window.stream, str(day), *hashes)
            for day, hashes in days.items()
            if window.first <= day <= window.last
        }
    return found


def _rebuild(
    settings: Settings, as_of: datetime, outcome: Outcome, on_step: Callable[[str], None]
) -> None:
    from expectations import fact_gate, mart_gate, publish
    from siyu.warehouse import build

    on_step("build what the pulled days touch")
    built = build(settings, as_of=as_of)
    if built.failures:
        raise SiyuError(
            f"The build failed: {built.failures}",
            action="correct the model, then `siyu build`; the pulled days are kept",
        )
    on_step("gate facts and marts, publish")
    outcome.verdicts += [*fact_gate(settings, as_of), *mart_gate(settings, as_of)]
    result = publish(settings, as_of)
    outcome.published, outcome.reason = result.published, result.reason


def _windows(incident: Incident) -> tuple[Window, ...]:
    """Runs of consecutive days that still fail (all that failed, once it has recovered)."""
    if not (incident.source and incident.account and incident.stream):
        return ()
    days = sorted(incident.open_dates or incident.event_dates)
    windows: list[Window] = []
    for day in days:
        if windows and day - windows[-1].last <= timedelta(1):
            windows[-1] = Window(
                incident.source, incident.account, incident.stream, windows[-1].first, day
            )
        else:
            windows.append(Window(incident.source, incident.account, incident.stream, day, day))
    return tuple(windows)
