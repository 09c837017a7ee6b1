"""The gates as doors: what they judge, what they write down, and what breaks in the checker."""

from dataclasses import replace
from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from world import AD, CHANNELS, FIRST, World, commit, morning

import expectations
from expectations import checks, gates, quality_log
from expectations.incident_log import incidents
from expectations.suites.warehouse_tables import FACTS, KEPT_TOTALS, MARTS
from extractors.core.manifest import Arrival, ControlTotal, LandedFile, Manifest

DAY = date(2026, 4, 14)
PULLED = DAY + timedelta(1)


@pytest.fixture
def manifest(settings):
    return Manifest(settings.landing_address)


def landed(settings, manifest, rows, *, day=DAY, pulled=PULLED, name="one", counted=None, **others):
    """A committed pull of the reporting-time report with one real file of these adgroups."""
    path = f"tencent_ads/daily_report_reporting_time/event_date={day}/{name}.parquet"
    target = settings.root / "landing" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    names = ("account_id", "adgroup_id", "site_set")
    table = pa.table(
        {n: [r[i] for r in rows] for i, n in enumerate(names)} | {"_run_id": ["x"] * len(rows)}
    )
    pq.write_table(table, target)
    stream = replace(AD, name="daily_report_reporting_time")
    files = [LandedFile(path, day, len(rows), 1, name)] if rows else []
    made = commit(
        stream,
        "20001",
        pulled,
        (day,),
        [Arrival(day, "M", "cost", 9.0)],
        files,
        **{"run_id": name} | others,
    )
    if counted is not None:
        made = replace(made, rows=counted)
    manifest.add(made)
    return made


def failed(verdicts):
    return [(v.check, v.cause, v.severity) for v in verdicts if not v.passed]


ROWS = [("20001", "1", "M"), ("20001", "2", "M")]


def test_a_clean_pull_passes_and_is_written_down(settings, manifest):
    made = landed(settings, manifest, ROWS)

    verdicts = expectations.landing_gate(settings, morning(DAY), [made])

    assert [v.family for v in verdicts] == ["arrival", "duplication", "schema"]
    assert failed(verdicts) == []
    assert quality_log.read(settings) == [tuple(sorted(verdicts, key=lambda v: v.check))]


@pytest.mark.parametrize(
    ("rows", "others", "expected"),
    [
        ([*ROWS, ROWS[0]], {}, ("key_is_unique", "duplicated", "block")),
        (ROWS, {"counted": 3}, ("rows_match_files", "partial", "block")),
        (ROWS, {"unknown_fields": ("new",)}, ("is_known", "schema_drift", "warn")),
        (ROWS, {"rejected_rows": 1}, ("is_readable", "schema_drift", "warn")),
        (
            ROWS,
            {"control_totals": (ControlTotal(DAY, "cost", 100.0, 90.0),)},
            ("reaches_control_total", "partial", "block"),
        ),
        (
            ROWS,
            {"control_totals": (ControlTotal(DAY, "cost", 100.0, 110.0),)},
            ("within_control_total", "duplicated", "block"),
        ),
    ],
)
def test_each_fault_of_a_pull_is_named(settings, manifest, rows, others, expected):
    made = landed(settings, manifest, rows, **others)

    assert failed(expectations.landing_gate(settings, morning(DAY), [made])) == [expected]


def test_a_control_total_that_the_platform_does_not_give_is_no_fault(settings, manifest):
    made = landed(
        settings,
        manifest,
        ROWS,
        control_totals=(
            ControlTotal(DAY, "cost", None, 90.0),
            ControlTotal(DAY, "cost", 10_000.0, 9_999.0),
        ),
    )

    assert failed(expectations.landing_gate(settings, morning(DAY), [made])) == []


def test_an_empty_pull_is_a_fault_only_where_data_was_before(settings, manifest):
    first = landed(
        settings, manifest, [], name="first", pulled=PULLED - timedelta(1), day=DAY - timedelta(1)
    )
    landed(settings, manifest, ROWS, name="full", pulled=PULLED)
    emptied = landed(settings, manifest, [], name="emptied", pulled=PULLED + timedelta(1))

    assert failed(expectations.landing_gate(settings, morning(DAY), [first])) == []
    assert failed(expectations.landing_gate(settings, morning(PULLED), [emptied])) == [
        ("has_content", "silent_empty", "warn")
    ]


def test_a_missing_file_is_a_checker_error_and_no_bad_data(settings, manifest):
    made = landed(settings, manifest, ROWS)
    (settings.root / "landing" / made.files[0].path).unlink()

    [verdict] = expectations.landing_gate(settings, morning(DAY), [made])

    assert verdict.is_checker_error
    assert verdict.cause == "checker_error"


def fill(manifest, world, until):
    for made in world.commits():
        if made.pulled_at <= until:
            manifest.add(made)


def test_the_freshness_gate_needs_nothing_but_the_manifest(settings, manifest):
    world = World(AD, seed=1020, days=24, account="20001")
    day = FIRST + timedelta(20)
    fill(manifest, world, morning(day))

    today = expectations.freshness_gate(settings, morning(day))
    tomorrow = expectations.freshness_gate(settings, morning(day + timedelta(1)))

    assert failed(today) == []
    assert {v.channel for v in today} == {"", *CHANNELS["tencent_ads"]}
    assert failed(tomorrow) == [("is_pulled", "not_pulled", "warn")]
    assert [i.cause for i in incidents(settings)] == ["not_pulled"]


def test_configured_accounts_are_missed_before_anything_ever_landed(settings):
    settings.accounts_file.write_text(
        "accounts:\n- {source: page_events, account: h5_main, options: {since: 2026-03-02}}\n"
        "- {source: wechat_store, account: later, options: {since: 2026-05-01}}\n"
    )

    verdicts = expectations.freshness_gate(settings, morning(DAY))

    assert [(v.source, v.stream, v.cause) for v in verdicts] == [
        ("page_events", "page_event", "not_pulled")
    ]


def test_without_accounts_and_landing_the_gate_says_that_it_cannot_judge(settings):
    [verdict] = expectations.freshness_gate(settings, morning(DAY))

    assert verdict.is_checker_error
    assert "accounts file" in verdict.detail_en


def test_an_exception_in_great_expectations_is_a_checker_error(settings, manifest, monkeypatch):
    world = World(AD, seed=1021, days=20, account="20001")
    fill(manifest, world, morning(FIRST + timedelta(10)))

    def boom(*_):
        raise IndexError("list index out of range")

    monkeypatch.setattr(checks, "whole_frame", boom)
    [verdict] = expectations.freshness_gate(settings, morning(FIRST + timedelta(10)))

    assert (verdict.cause, verdict.severity) == ("checker_error", "warn")
    assert "list index out of range" in verdict.detail_en


def test_a_rule_that_great_expectations_cannot_compute_is_a_checker_error():
    import pandas as pd

    from expectations.suites.rules import holds

    def suite():
        import great_expectations as gx

        return gx.ExpectationSuite(
            name="broken",
            expectations=[holds("no_such_column", check="c", cause="partial", severity="warn")],
        )

    with pytest.raises(checks.CheckerError, match="could not run 'c'"):
        checks.run(pd.DataFrame({"key": ["a"]}), suite)


def test_the_same_evidence_gives_the_same_verdicts(settings, manifest):
    world = World(AD, seed=1022, days=24, account="20001")
    fill(manifest, world, morning(FIRST + timedelta(20)))

    first = expectations.freshness_gate(settings, morning(FIRST + timedelta(21)))
    again = expectations.freshness_gate(settings, morning(FIRST + timedelta(21)))

    assert first == again
    assert len(quality_log.read(settings)) == 1


# ---------------------------------------------------------------------------- facts and marts


def warehouse(settings, as_of, *, ad_cost="12.50"):
    """A working database with every table the gates know, one row each."""
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    extra = {
        "fct_ad_performance": {"ad_cost_cny": ad_cost},
        "fct_conversion": {
            "amount_cny": "8.00",
            "conversion_type": "'add'",
            "conversion_date": "'all'",
        },
        "mart_channel_roi": {"ad_cost_cny": "12.50"},
        "mart_funnel_daily": {"gmv_cny": "8.00", "new_customers": "1"},
    }
    with duckdb.connect(str(settings.warehouse)) as connection:
        for schema in ("facts", "marts", "intermediate", "dimensions"):
            connection.execute(f"create schema if not exists {schema}")
        connection.execute(
            "create or replace table intermediate.int_ad_daily_performance as "
            "select 12.50::decimal(18,2) as ad_cost_cny"
        )
        for name in ("dim_channel", "dim_date", "dim_metric", "dim_customer"):
            connection.execute(f"create or replace table dimensions.{name} as select 1 as id")
        for table in (*FACTS, *MARTS):
            columns = dict.fromkeys(table.key, "'all'")
            columns |= dict.fromkeys(table.rates, "0.5") | extra.get(table.name, {})
            if table.has_as_of:
                columns["as_of_at"] = f"timestamptz '{as_of.isoformat()}'"
            selected = ", ".join(f"{value} as {name}" for name, value in columns.items())
            connection.execute(
                f"create or replace table {table.schema}.{table.name} as select {selected}"
            )
    return settings.warehouse


def change(settings, sql):
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(sql)


def test_a_sound_warehouse_passes_both_gates(settings):
    warehouse(settings, morning(DAY))

    facts = expectations.fact_gate(settings, morning(DAY))
    marts = expectations.mart_gate(settings, morning(DAY))

    assert failed(facts + marts) == []
    assert len(facts) == len(FACTS) + len(KEPT_TOTALS["fact"])
    assert len(marts) == len(MARTS) + len(KEPT_TOTALS["mart"])


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("delete from facts.fct_conversion", "has_rows"),
        ("insert into facts.fct_conversion select * from facts.fct_conversion", "key_is_unique"),
        ("update facts.fct_engagement set person_id = null", "key_is_complete"),
        ("update facts.fct_ad_performance set ad_cost_cny = null", "total_is_kept"),
        ("update facts.fct_ad_performance set ad_cost_cny = 12.51", "total_is_kept"),
    ],
)
def test_each_fault_of_a_fact_blocks(settings, sql, check):
    warehouse(settings, morning(DAY))
    change(settings, sql)

    assert (check, "broken_rule", "block") in failed(expectations.fact_gate(settings, morning(DAY)))


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("update marts.mart_engagement_daily set stickiness_rate = 1.2", "rates_within_0_and_1"),
        ("update marts.mart_kpi_daily set as_of_at = as_of_at - interval 1 day", "is_as_of"),
        ("update marts.mart_channel_roi set ad_cost_cny = 1", "total_is_kept"),
        ("update marts.mart_funnel_daily set gmv_cny = 7.99", "total_is_kept"),
        ("insert into marts.mart_kpi_daily select * from marts.mart_kpi_daily", "key_is_unique"),
    ],
)
def test_each_fault_of_a_mart_blocks(settings, sql, check):
    warehouse(settings, morning(DAY))
    change(settings, sql)

    assert failed(expectations.mart_gate(settings, morning(DAY))) == [
        (check, "broken_rule", "block")
    ]


def test_a_missing_table_is_a_checker_error(settings):
    warehouse(settings, morning(DAY))
    change(settings, "drop table marts.mart_funnel_daily")

    [verdict] = expectations.mart_gate(settings, morning(DAY))

    assert (verdict.cause, verdict.severity) == ("checker_error", "block")
    assert "mart_funnel_daily" in verdict.detail_en


def test_a_database_that_was_never_built_is_a_checker_error(settings):
    [verdict] = expectations.fact_gate(settings, morning(DAY))

    assert verdict.is_checker_error
    assert "siyu build" in verdict.detail_en


def test_a_gate_that_cannot_write_its_log_has_not_run(settings, monkeypatch):
    warehouse(settings, morning(DAY))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(quality_log, "write_atomically", full)

    with pytest.raises(gates.SiyuError, match="quality log cannot be written"):
        expectations.fact_gate(settings, morning(DAY))


def test_a_pull_that_could_not_be_read_opens_an_incident_until_it_can(settings, manifest):
    from extractors.core.tape import Header, Tape

    tape = Tape()
    tape.record(b"question", b"{}")
    header = Header(
        "tencent_ads",
        "daily_report_reporting_time",
        "20001",
        "r1",
        morning(PULLED),
        (DAY,),
        False,
        "no row has the required field cost",
    )
    path = "_quarantine/tencent_ads/daily_report_reporting_time/x.pages"
    tape.quarantine(manifest.storage, path, header, b"key")
    tape.close()

    [verdict] = expectations.landing_gate(settings, morning(PULLED), [])
    assert (verdict.cause, verdict.passed, verdict.event_date) == ("schema_drift", False, DAY)
    assert f"siyu pull --replay-quarantine {path}" in verdict.detail_en
    [incident] = incidents(settings, morning(PULLED))
    assert (incident.cause, incident.stream) == ("schema_drift", "daily_report_reporting_time")

    # another morning's pull is judged by itself
    later = morning(PULLED + timedelta(1))
    assert expectations.landing_gate(settings, later, []) == []
    repaired = landed(settings, manifest, [("a", "1", "x")], pulled=PULLED + timedelta(1))
    verdicts = expectations.landing_gate(settings, later, [repaired])
    assert all(v.passed for v in verdicts if v.family == "schema")
    [incident] = incidents(settings, later)
    assert incident.recovered_at == later
