"""The command line of gates, publishing, incidents and repair; and what a repair does."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from test_gates import change, warehouse
from test_quality_log import DAY, record, verdict
from world import AD, FIRST, World, morning

from expectations import incident_log, repair
from expectations.lineage import affected_marts
from extractors.core.manifest import Manifest
from siyu.cli import cli
from siyu.errors import UsageError

AS_OF = morning(DAY).isoformat()


@pytest.fixture
def run(settings, monkeypatch):
    monkeypatch.setenv("SIYU_HOME", str(settings.home))
    monkeypatch.setenv("SIYU_ACCOUNTS_FILE", str(settings.accounts_file))

    def call(*words):
        result = CliRunner().invoke(cli, list(words))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return call


@pytest.mark.parametrize("command", ["gate", "publish", "incidents", "repair"])
def test_help_has_an_example(run, command):
    result = run(command, "--help")

    assert result.exit_code == 0
    assert f"siyu {command}" in result.output.split("Example:")[1]


def lineage(settings):
    target = settings.work("dbt", "target", "manifest.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        json.dumps(
            {
                "child_map": {
                    "source.siyu.page_events.page_event": ["model.siyu.stg_events", "test.siyu.x"],
                    "model.siyu.stg_events": [
                        "model.siyu.mart_funnel_daily",
                        "model.siyu.fct_conversion",
                    ],
                    "model.siyu.fct_conversion": ["model.siyu.mart_channel_roi"],
                    "model.siyu.mart_channel_roi": [],
                    "model.siyu.mart_funnel_daily": [],
                    "source.siyu.page_events.other": ["model.siyu.mart_other"],
                }
            }
        )
    )


def test_marts_downstream_come_from_dbts_manifest(settings):
    assert affected_marts(settings, "page_events", "page_event") == []

    lineage(settings)

    assert affected_marts(settings, "page_events", "page_event") == [
        "mart_channel_roi",
        "mart_funnel_daily",
    ]


def test_what_an_incident_touches_is_not_known_before_the_first_build(run, settings):
    record(settings, DAY, verdict())

    before = run("incidents", "--as-of", AS_OF).output
    lineage(settings)
    after = run("incidents", "--as-of", AS_OF).output

    assert "影响 touches: 尚未构建，未知 · not known before the first build" in before
    assert "影响 touches: mart_channel_roi, mart_funnel_daily" in after


def test_gate_prints_failures_and_exits_with_1(run, settings):
    world = World(AD, seed=1030, days=24, account="20001")
    manifest = Manifest(settings.landing_address)
    for made in world.commits():
        manifest.add(made)
    fine = morning(FIRST + timedelta(20)).isoformat()
    late = morning(FIRST + timedelta(26)).isoformat()

    assert run("gate", "freshness", "--as-of", fine).exit_code == 0
    failed = run("gate", "freshness", "--as-of", late, "--json")
    text = run("gate", "freshness", "--as-of", late)
    other = run("gate", "freshness", "--as-of", late, "--source", "wecom")

    assert failed.exit_code == text.exit_code == 1
    verdicts = json.loads(failed.output)["verdicts"]
    assert {v["cause"] for v in verdicts if not v["passed"]} == {"not_pulled"}
    assert "not_pulled" in text.output
    assert re.search(r"as of \d{4}-\d\d-\d\dT10:30\+08:00", text.output)
    assert other.exit_code == 0


def test_gate_writes_data_docs_that_name_the_rules(run, settings):
    warehouse(settings, morning(DAY))

    result = run("gate", "fact", "--as-of", AS_OF, "--docs")

    assert result.exit_code == 0, result.output
    index = settings.root / "docs" / "data_docs" / "index.html"
    assert "fact.tables" in index.read_text()
    assert list(index.parent.rglob("validations/**/*.html"))


def test_publish_says_why_it_is_held_and_exits_with_1(run, settings):
    warehouse(settings, morning(DAY))
    change(settings, "update marts.mart_engagement_daily set stickiness_rate = 7")

    held = run("publish", "--as-of", AS_OF, "--json")
    change(settings, "update marts.mart_engagement_daily set stickiness_rate = 0.7")
    run("gate", "mart", "--as-of", AS_OF)
    published = run("publish", "--as-of", AS_OF)

    assert held.exit_code == 1
    assert "stickiness" not in held.output
    assert "mart_engagement_daily" in json.loads(held.output)["reason"]
    assert published.exit_code == 0, published.output
    assert "marts-20260415T023000Z" in run("publish", "--list").output
    assert run("publish", "--rollback", "nothing").exit_code == 2


def test_incidents_are_listed_open_or_all_and_as_of(run, settings):
    record(settings, DAY, verdict())
    record(settings, DAY + timedelta(1), verdict(DAY + timedelta(1), passed=True))
    later = morning(DAY + timedelta(1)).isoformat()

    everything = json.loads(run("incidents", "--as-of", later, "--json").output)["incidents"]
    still_open = json.loads(run("incidents", "--as-of", later, "--open", "--json").output)
    then = run("incidents", "--as-of", AS_OF, "--open")

    assert [i["cause"] for i in everything] == ["source_late"]
    assert everything[0]["event_dates"] == ["2026-04-14"]
    assert still_open["incidents"] == []
    assert "siyu repair inc-" in then.output
    assert "证据 evidence 2026-04-14" in then.output
    assert "影响 touches" in then.output


def test_notify_without_a_robot_exits_with_1_and_says_what_to_set(run, settings):
    record(settings, DAY, verdict())

    result = run("incidents", "--notify", "--as-of", AS_OF)

    assert result.exit_code == 1
    assert "SIYU_ROBOT_WEBHOOK" in result.output + result.stderr


def test_a_dry_run_prints_the_exact_windows_and_models_and_does_nothing(run, settings, monkeypatch):
    lineage(settings)
    for day in (DAY, DAY + timedelta(1), DAY + timedelta(4)):
        record(
            settings,
            day,
            verdict(day),
            *(verdict(d, cycle=day) for d in (DAY, DAY + timedelta(1)) if d < day),
        )
    monkeypatch.setattr(repair, "run", lambda *_: pytest.fail("a dry run ran"))
    as_of = morning(DAY + timedelta(4))
    [incident] = incident_log.incidents(settings, as_of)

    plan = json.loads(
        run("repair", incident.id, "--dry-run", "--json", "--as-of", as_of.isoformat()).output
    )
    text = run("repair", incident.id, "--dry-run", "--as-of", as_of.isoformat()).output

    assert [(w["from"], w["to"]) for w in plan["windows"]] == [
        ("2026-04-14", "2026-04-15"),
        ("2026-04-18", "2026-04-18"),
    ]
    assert plan["models"] == ["mart_channel_roi", "mart_funnel_daily"]
    assert (
        "siyu pull --source page_events --account h5 --stream page_event "
        "--from 2026-04-14 --to 2026-04-15"
    ) in text


def test_an_unknown_incident_lists_the_open_ones(run, settings):
    record(settings, DAY, verdict())
    [incident] = incident_log.incidents(settings)

    result = run("repair", "inc-nothing", "--dry-run", "--as-of", AS_OF)

    assert result.exit_code == 2
    assert incident.id in result.output + result.stderr


def test_what_no_pull_can_mend_has_no_windows(settings):
    record(settings, DAY, verdict(cause="schema_drift", family="schema", channel=""))
    [incident] = incident_log.incidents(settings)

    assert repair.plan(settings, incident.id, morning(DAY)).windows == ()
    with pytest.raises(UsageError):
        repair.plan(settings, "other", morning(DAY))


def test_a_repair_pulls_each_window_once_and_closes_the_incident(settings, monkeypatch):
    """The pull is replaced by one that lands what was missing; gates and log are real."""
    import extractors.core.pull as pulls
    import siyu.accounts as accounts
    import siyu.warehouse.builder as builder

    world = World(
        replace(AD, name="daily_report_reporting_time"), seed=1031, days=40, account="20001"
    )
    manifest = Manifest(settings.landing_address)
    day = FIRST + timedelta(30)
    for made in world.commits():
        if made.pulled_at < morning(day):
            manifest.add(made)
    missing = next(c for c in world.commits() if c.pulled_at == morning(day))
    settings.accounts_file.write_text("accounts:\n- {source: tencent_ads, account: '20001'}\n")
    import expectations

    expectations.freshness_gate(settings, morning(day))
    [*_, incident] = [
        i for i in incident_log.incidents(settings) if i.stream == "daily_report_reporting_time"
    ]
    asked = []

    def pull(_, account, stream, *, as_of, window):
        asked.append((account.account, stream.name, window))
        if len(asked) == 1:
            return None  # the source has nothing yet
        manifest.add(missing)
        return missing

    monkeypatch.setattr(pulls, "pull", pull)
    monkeypatch.setattr(accounts, "load_accounts", accounts.load_accounts)
    monkeypatch.setattr(builder, "build", lambda *_, **__: builder.BuildResult(1, 0.1, []))
    monkeypatch.setattr("siyu.warehouse.build", builder.build, raising=False)

    plan = repair.plan(settings, incident.id, morning(day))
    steps = []
    in_vain = repair.run(settings, plan, morning(day), on_step=steps.append)
    outcome = repair.run(settings, plan, morning(day))

    assert not in_vain.has_news
    assert not in_vain.recovered
    assert not any(step.startswith("build") for step in steps)
    assert "nothing new" in in_vain.reason
    assert asked == [("20001", "daily_report_reporting_time", (day, day))] * 2
    assert outcome.recovered
    assert not outcome.published  # there is no warehouse here: held, and it says so
    assert "siyu build" in outcome.reason


def test_windows_join_consecutive_days_only():
    runs = [(verdict(date(2026, 4, d)),) for d in (1, 2, 3, 7)]
    [incident] = incident_log.derive(runs)
    incident = replace(incident, open_dates=incident.event_dates)

    assert [(w.first.day, w.last.day) for w in repair._windows(incident)] == [(1, 3), (7, 7)]
