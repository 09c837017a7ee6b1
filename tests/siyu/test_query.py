"""`siyu query`: exact values, whole texts, and an answer that helps whoever asked wrongly."""

import json

import duckdb
import pytest
from click.testing import CliRunner

from siyu.cli.build import query


@pytest.fixture
def ask(tmp_path, monkeypatch):
    monkeypatch.setenv("SIYU_HOME", str(tmp_path))
    published = tmp_path / "published" / "marts.duckdb"
    published.parent.mkdir()
    with duckdb.connect(str(published)) as connection:
        connection.execute(
            "create table mart_kpi_daily as from (values "
            "('gmv', date '2026-04-14', 12.30::decimal(18, 2), 0.25, 3::bigint), "
            "('dau', date '2026-04-15', null, null, null)) "
            "as t (metric_id, period_start_date, value, completeness, orders)"
        )
        connection.execute("create table dim_metric as select metric_id from mart_kpi_daily")
    return lambda *words: CliRunner().invoke(query, words)


def test_values_are_printed_as_they_are_stored(ask):
    lines = ask("select * from mart_kpi_daily order by period_start_date").output.splitlines()

    assert lines[1].split() == ["gmv", "2026-04-14", "12.30", "0.25", "3"]
    assert lines[2].split() == ["dau", "2026-04-15"]
    assert lines[-1] == "(2 rows)"


def test_a_long_text_is_never_cut(ask):
    assert "x" * 500 in ask("select repeat('x', 500) as long").output


def test_json_has_numbers_and_days(ask):
    rows = json.loads(ask("--json", "from mart_kpi_daily order by value").output)

    assert rows[0] == {
        "metric_id": "gmv",
        "period_start_date": "2026-04-14",
        "value": 12.3,
        "completeness": 0.25,
        "orders": 3,
    }


def test_a_query_may_begin_with_a_comment(ask):
    assert "(1 rows)" in ask("-- how much\nselect 1 as one").output


def test_json_and_csv_exclude_each_other(ask):
    answer = ask("select 1", "--json", "--csv")

    assert answer.exit_code == 2
    assert "exclude each other" in answer.output


def test_a_misspelt_column_gets_duckdbs_own_hint(ask):
    answer = ask("select metrik_id from mart_kpi_daily")

    assert answer.exit_code == 2
    assert "metric_id" in answer.output


def test_an_unknown_metric_is_named_with_its_neighbours(ask):
    answer = ask("select * from mart_kpi_daily where metric_id = 'gmw'")

    assert answer.exit_code == 0
    assert "no metric 'gmw'; did you mean gmv?" in answer.output
    assert "no metric" not in ask("select * from mart_kpi_daily where metric_id = 'gmv'").output
