"""The unit tests that lie beside the models, and what every model must have."""

import re
import shutil
from datetime import date

import pytest

from siyu.errors import SiyuError
from siyu.settings import Settings
from siyu.warehouse import build, connect
from siyu.warehouse.dbt import run_dbt
from siyu.warehouse.state import PROJECT

from .conftest import DAYS
from .landed import FIRST, morning, timedelta

WITHOUT_LOGIC = {
    "dim_metric",
    "dim_date",
    "int_ads_by_period",
    "int_business_days",
    "int_metric_values",
    "int_retention_by_period",
    "mart_engagement_daily",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory, landed):
    settings = Settings(home=tmp_path_factory.mktemp("built"), landing=str(landed))
    build(settings, as_of=morning(FIRST + timedelta(DAYS - 1)), with_tests=False)
    return settings


def test_every_unit_test_of_the_models_passes(built):
    results = run_dbt(
        built,
        ["test", "--select", "test_type:unit"],
        variables={"as_of": "2026-03-14T02:30:00+00:00"},
    )

    assert len(results) >= 20
    assert {str(result.status) for result in results} == {"pass"}


def test_sound_rows_names_every_rule_that_is_broken(built, tmp_path):
    broken = Settings(home=tmp_path)
    shutil.copy(built.warehouse, broken.work("warehouse.duckdb"))
    with connect(broken, read_only=False) as connection:
        connection.execute("insert into marts.mart_kpi_daily from marts.mart_kpi_daily limit 1")
        connection.execute("update marts.mart_kpi_daily set completeness = 1.5 where value > 100")
        connection.execute("update facts.fct_conversion set person_id = null, amount_cny = -1")
        connection.execute("update facts.fct_conversion set attributed_by = 'guess'")

    told = []
    for model in ("mart_kpi_daily", "fct_conversion"):
        with pytest.raises(SiyuError) as caught:
            run_dbt(broken, ["test", "--select", f"{model},test_type:generic,sound_rows*"])
        told += re.findall(r"rule (\w+): ([^;]+), broken_rows (\d+)", caught.value.what)

    rules = [rule for rule, _, _ in told]
    assert rules == ["shares", "key", "complete", "not_negative", "values"]
    assert told[1][2] == "2", "both rows of the key that is there twice"


def test_every_fact_says_its_grain_first():
    models = sorted(PROJECT.glob("models/**/*.sql"))
    assert len(models) >= 35
    assert [
        model.name
        for model in models
        if not model.read_text(encoding="utf-8").startswith("-- Grain: ")
    ] == []


def test_every_column_of_facts_and_marts_is_described_chinese_first(built):
    import json

    manifest = json.loads(built.work("dbt", "target", "manifest.json").read_text())
    public = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"].startswith(("fct_", "mart_"))
    ]
    assert len(public) == 11
    for node in public:
        assert node["contract"]["enforced"], node["name"]
        for text in [node["description"], *(c["description"] for c in node["columns"].values())]:
            assert " · " in text, f"{node['name']}: {text!r}"


def test_kpi_rows_have_exactly_the_documented_columns(built):
    with connect(built) as connection:
        columns = [
            row[0]
            for row in connection.execute(
                "select column_name from duckdb_columns() where schema_name = 'marts' "
                "and table_name = 'mart_kpi_daily' order by column_index"
            ).fetchall()
        ]
    assert columns == [
        "metric_id",
        "period",
        "period_start_date",
        "dimension",
        "dimension_value",
        "value",
        "numerator",
        "denominator",
        "is_final",
        "completeness",
        "nowcast",
        "nowcast_low",
        "nowcast_high",
        "as_of_at",
    ]


def test_numbers_are_those_of_the_people_who_made_them(built):
    """Counted again in Python from the generator, to the person and the fen."""
    from .landed import FIRST, PEOPLE, ad_row, added_at, business_date, events_of, orders_of

    day = FIRST + timedelta(3)
    events = [event for event, _ in events_of(day)]
    active = {e["unionid"] for e in events if e["unionid"]}
    active |= {row["unionid"] or row["openid"] for row in orders_of(day)}
    paid = [
        row
        for created in (day - timedelta(1), day)
        for row in orders_of(created)
        if business_date(row["pay_time"]) == day
    ]
    week = [FIRST + timedelta(n) for n in range(7)]
    active_in_week = {e["unionid"] for d in week for e, _ in events_of(d) if e["unionid"]}
    active_in_week |= {row["unionid"] or row["openid"] for d in week for row in orders_of(d)}
    cost = sum(ad_row(account, day, 0)["cost"] for account in ("20001", "20002"))
    expected = {
        ("dau", "day", day): len(active),
        ("dau", "week", FIRST): len(active_in_week),
        ("wau", "week", FIRST): len(active_in_week),
        ("wau", "day", FIRST + timedelta(6)): len(active_in_week),
        ("new_customers", "day", day): sum(
            business_date(added_at(n)) == day for n in range(PEOPLE)
        ),
        ("gmv", "day", day): sum(row["order_price"] for row in paid) / 100,
        ("paying_customers", "day", day): len(paid),
        ("ad_cost", "day", day): cost / 100,
    }

    with connect(built) as connection:
        rows = connection.execute(
            "select metric_id, period, period_start_date, value from marts.mart_kpi_daily "
            "where dimension = 'all'"
        ).fetchall()

    found = {
        (metric, period, start): float(value)
        for metric, period, start, value in rows
        if (metric, period, start) in expected
    }
    assert found == expected


def test_a_young_day_is_not_final_and_says_how_complete_it_is(built):
    with connect(built) as connection:
        rows = dict(
            connection.execute(
                "select metric_id, (is_final, completeness) from marts.mart_kpi_daily "
                "where period = 'day' and dimension = 'all' and period_start_date = ? "
                "and metric_id in ('platform_conversions', 'new_customers', 'retention_d1')",
                [FIRST + timedelta(DAYS - 1)],
            ).fetchall()
        )
    assert rows["new_customers"] == (True, 1.0)
    assert rows["platform_conversions"][0] is False
    assert rows["retention_d1"] == (False, 0.0)


def test_weeks_are_iso_weeks_and_a_moved_saturday_is_worked(built):
    with connect(built) as connection:
        rows = connection.execute(
            "select week_start_date, iso_year, iso_week, is_day_off, holiday_name, "
            "is_moved_working_day from dimensions.dim_date where date_day in "
            "(date '2026-02-14', date '2026-02-17', date '2027-01-02') order by date_day"
        ).fetchall()

    assert rows == [
        (date(2026, 2, 9), 2026, 7, False, "Spring Festival", True),
        (date(2026, 2, 16), 2026, 8, True, "Spring Festival", False),
        (date(2026, 12, 28), 2026, 53, True, None, False),
    ]


def test_every_logical_model_has_a_unit_test_beside_it():
    import yaml

    tested = {
        test["model"]
        for path in PROJECT.glob("models/**/*__unit_tests.yml")
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["unit_tests"]
    }
    logical = {
        path.stem
        for folder in ("dimensions", "facts", "intermediate", "metrics", "observability", "marts")
        for path in (PROJECT / "models" / folder).rglob("*.sql")
    }
    assert logical - tested - WITHOUT_LOGIC == set()
