"""What goes wrong says what, where and what to do; nothing is half-published."""

import subprocess
import sys
import threading
from datetime import timedelta

import duckdb
import pytest
from click.testing import CliRunner

from expectations import publish
from extractors.core.manifest import Arrival
from siyu.calendar import moment_text
from siyu.cli import cli
from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings
from siyu.warehouse import build, connect, last_build_at, query
from siyu.warehouse.builder import unfinished_build

from .landed import FIRST, Landing, morning

AS_OF = morning(FIRST)


def test_without_any_landing_the_next_step_is_named(tmp_path):
    with pytest.raises(SiyuError, match="Nothing has landed yet") as caught:
        build(Settings(home=tmp_path), as_of=AS_OF)

    assert "siyu pull" in caught.value.action


def test_a_moment_before_the_first_pull_names_the_first(home):
    with pytest.raises(SiyuError, match="Nothing had been pulled by") as caught:
        build(home, as_of=AS_OF - timedelta(days=9))

    assert moment_text(AS_OF) in caught.value.action


def test_marts_need_facts(home):
    with pytest.raises(UsageError, match="The facts are built not at all"):
        build(home, as_of=AS_OF, select="marts")


def test_reading_before_any_build_or_publish_says_so(tmp_path):
    settings = Settings(home=tmp_path)
    assert last_build_at(settings) is None
    with pytest.raises(SiyuError, match="Nothing has been built yet"), connect(settings):
        pass
    with pytest.raises(SiyuError, match="Nothing is published yet"):
        query(settings, "select 1")


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_database_held_by_another_process_names_the_holder(home):
    home.warehouse.parent.mkdir(parents=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SiyuError, match="in use by another process") as caught:
            build(home, as_of=AS_OF)
        assert str(holder.pid) in caught.value.action
    finally:
        holder.communicate("")


def test_a_reader_that_waits_gets_the_database_when_the_writer_ends(home):
    home.warehouse.parent.mkdir(parents=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    release = threading.Timer(0.3, holder.communicate, [""])
    release.start()
    with connect(home, wait_seconds=60) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    release.join()


def test_a_broken_rule_names_the_test_and_the_log(tmp_path):
    """A report that spends a negative amount breaks a rule of the fact."""
    settings = Settings(home=tmp_path)
    landing = Landing(tmp_path / "landing")
    landing.cycle(FIRST)
    landing.pull(
        "tencent_ads",
        "daily_report_request_time",
        "20001",
        AS_OF + timedelta(hours=1),
        {
            FIRST: [
                {
                    "account_id": "20001",
                    "adgroup_id": "g",
                    "site_set": "SITE_SET_MOMENTS",
                    "cost": -5,
                }
            ]
        },
    )

    with pytest.raises(SiyuError, match="sound_rows_fct_ad_performance") as caught:
        build(settings, as_of=AS_OF + timedelta(hours=1))

    assert "rule not_negative: ad_cost_cny, broken_rows 1" in caught.value.what
    assert "_facts__models.yml" in caught.value.where
    assert "dbt.log" in caught.value.where
    assert last_build_at(settings) is None, "a failed build moves no watermark"


def test_a_day_that_one_platform_is_missing_holds_nothing_else(tmp_path):
    settings = Settings(home=tmp_path)
    landing = Landing(tmp_path / "landing")
    landing.cycle(FIRST)
    landing.pull(
        "juguang",
        "campaign_report",
        "j",
        AS_OF,
        {FIRST: [{"campaign_id": "c", "fee": 7}]},
        arrivals=[Arrival(FIRST, "", measure, 7.0) for measure in ("fee", "impression", "click")],
    )
    landing.cycle(FIRST + timedelta(1))

    build(settings, as_of=morning(FIRST + timedelta(1)))

    with connect(settings) as connection:
        newest = connection.execute(
            "select period_start_date, value from marts.mart_kpi_daily where metric_id = 'ad_cost' "
            "and dimension = 'all' and period = 'day' order by 1 desc limit 1"
        ).fetchone()
    assert newest == (FIRST + timedelta(1), None), "one platform's day is missing: nobody knows"


def test_what_a_failed_build_left_is_not_published(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path)
    landing = Landing(tmp_path / "landing")
    landing.cycle(FIRST)

    def fail(*arguments, **options):
        raise SiyuError("dbt stopped")

    monkeypatch.setattr("siyu.warehouse.dbt.run_dbt", fail)
    with pytest.raises(SiyuError):
        build(settings, as_of=AS_OF)
    assert unfinished_build(settings) == ["facts", "marts"]
    held = publish(settings, AS_OF)
    assert (held.published, "siyu build" in held.reason) == (False, True)

    # a part of it that succeeds afterwards leaves the rest as it is
    monkeypatch.setattr("siyu.warehouse.dbt.run_dbt", lambda *arguments, **options: [])
    build(settings, as_of=AS_OF, select="fct_order")
    assert unfinished_build(settings) == ["facts", "marts"]
    build(settings, as_of=AS_OF)
    assert unfinished_build(settings) == []


@pytest.fixture
def published(tmp_path):
    settings = Settings(home=tmp_path)
    settings.published.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.published)) as connection:
        connection.execute(
            "create table mart_kpi_daily as select 'gmv' as metric_id, "
            "cast(12.34 as decimal(28, 8)) as value, date '2026-03-02' as day"
        )
    return settings


def test_a_query_reads_the_published_marts(published):
    frame = query(published, "select metric_id, value from mart_kpi_daily")

    assert frame.to_dict("records") == [{"metric_id": "gmv", "value": 12.34}]


@pytest.mark.parametrize(
    "sql",
    [
        "drop table mart_kpi_daily",
        "insert into mart_kpi_daily values ('x', 1, null)",
        "select 1; drop table mart_kpi_daily",
        "copy mart_kpi_daily to '/tmp/x.csv'",
        "attach '/tmp/x.duckdb'",
        "set memory_limit = '1GB'",
        "select * from '/etc/passwd'",
        "select * from read_csv('/etc/passwd')",
        "",
        "selct 1",
    ],
)
def test_a_query_can_neither_write_nor_leave_the_snapshot(published, sql):
    with pytest.raises(UsageError):
        query(published, sql)

    assert len(query(published, "from mart_kpi_daily")) == 1


def test_the_commands_print_for_people_and_scripts(published, monkeypatch):
    monkeypatch.setenv("SIYU_HOME", str(published.home))
    ask = ["query", "select metric_id, day from mart_kpi_daily"]

    table = CliRunner().invoke(cli, ask)
    as_json = CliRunner().invoke(cli, [*ask, "--json"])
    as_csv = CliRunner().invoke(cli, [*ask, "--csv"])
    wrong = CliRunner().invoke(cli, ["query", "drop table mart_kpi_daily"])
    no_landing = CliRunner().invoke(cli, ["build", "--as-of", "2026-03-03"])

    assert "gmv" in table.output
    assert "1 rows" in table.output
    assert '"metric_id": "gmv"' in as_json.output
    assert as_csv.output.splitlines()[1].startswith("gmv,2026-03-02")
    assert (wrong.exit_code, no_landing.exit_code) == (2, 1)
    assert "siyu pull" in no_landing.output
