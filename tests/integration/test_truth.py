"""The published numbers against the dump of the world, computed a second way: pandas, no dbt."""

from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner

from siyu import replay as engine
from siyu.accounts import load_accounts
from siyu.cli import cli
from siyu.settings import Settings

FIRST, LAST = date(2026, 4, 6), date(2026, 4, 26)
# ad reports go back 30 days at the first pull, and move for as long: their final days are these
FIRST_REPORTED = date(2026, 3, 10)


@pytest.fixture(scope="module", params=[7, pytest.param(11, marks=pytest.mark.slow)])
def worlds(request, tmp_path_factory):
    """A replayed home and the truth of the same seed: (published marts, dump folder, sources)."""
    home = tmp_path_factory.mktemp(f"seed{request.param}")
    settings = Settings(home=home / "home", sandbox_url="")
    with engine.sandbox(settings, size="small", seed=request.param, first=FIRST) as live:
        for result in engine.replay(live, FIRST, LAST):
            assert result.errors == []
        sources = {account.source for account in load_accounts(live)}
    assert result.published, result.held_because
    dumped = CliRunner().invoke(
        cli,
        [
            "sandbox",
            "dump",
            "--out",
            str(home / "dump"),
            "--size",
            "small",
            "--seed",
            str(request.param),
        ],
    )
    assert dumped.exit_code == 0, dumped.output
    marts = duckdb.connect(str(settings.published), read_only=True)
    yield marts, home / "dump", sources
    marts.close()


@pytest.fixture
def published(worlds):
    """Final days of a metric: {(day, dimension value): (value, numerator, denominator)}."""

    def read(metric_id, dimension="all", since=FIRST, prefix=""):
        rows = (
            worlds[0]
            .execute(
                "select period_start_date, dimension_value, value, numerator, denominator "
                "from mart_kpi_daily where metric_id = ? and period = 'day' and dimension = ? "
                "and is_final and period_start_date between ? and ? "
                "and starts_with(dimension_value, ?)",
                [metric_id, dimension, since, LAST, prefix],
            )
            .fetchall()
        )
        days = {row[0] for row in rows}
        assert len(days) >= 5, f"only {len(days)} final days of {metric_id}"
        return {(row[0], row[1]): row[2:] for row in rows}

    return read


@pytest.fixture
def truth(worlds):
    return lambda name: pd.read_parquet(worlds[1] / f"{name}.parquet")


def shanghai_date(moments):
    return moments.dt.tz_convert("Asia/Shanghai").dt.date


def same(published, expected):
    """Every published final day equals the truth, and none of the truth is missing there."""
    days = [day for day, _ in published]
    wanted = {
        key: value
        for key, value in expected.items()
        if min(days) <= key[0] <= max(days) and key[0] in set(days)
    }
    assert {key: value for key, (value, *_) in published.items() if value} == {
        key: value if isinstance(value, Decimal) else int(value)
        for key, value in wanted.items()
        if value
    }


@pytest.fixture
def ad_days(worlds, truth):
    """Days of delivery that the platforms' reports could give: Kuaishou's keep only a week."""
    days = truth("ad_days")
    is_kept = (days["platform"] != "kuaishou") | (days["date"] >= FIRST - timedelta(6))
    return days[is_kept & days["platform"].isin(worlds[2])]


def yuan(fen):
    return Decimal(int(fen)) / 100


def test_ad_cost_is_equal_to_the_fen(published, ad_days):
    days = ad_days.groupby("date")["cost_fen"].sum()

    same(published("ad_cost"), {(day, "all"): yuan(fen) for day, fen in days.items()})


def test_ad_cost_is_equal_to_the_fen_in_every_channel(published, ad_days):
    days = ad_days.groupby(["date", "channel_id"])["cost_fen"].sum()

    same(published("ad_cost", "channel"), {key: yuan(fen) for key, fen in days.items()})


def test_clicks_and_impressions_are_equal(published, ad_days):
    days = ad_days.groupby("date")[["clicks", "impressions"]].sum()

    same(
        published("clicks", since=FIRST_REPORTED),
        {(day, "all"): row.clicks for day, row in days.iterrows()},
    )
    same(
        published("impressions", since=FIRST_REPORTED),
        {(day, "all"): row.impressions for day, row in days.iterrows()},
    )


def test_platform_conversions_are_on_the_billing_clock(published, truth):
    """Of closed days: claims credited to the day of the click, of the platforms' own kind."""
    claims = truth("ad_conversions")
    claims = claims[claims["conversion_type"] != "order"]
    days = claims.groupby(["request_date", "channel_id"]).size()

    same(
        published("platform_conversions", "channel", since=FIRST_REPORTED, prefix="tencent_"),
        {key: count for key, count in days.items() if key[1].startswith("tencent_")},
    )


def test_gmv_is_equal_to_the_fen_by_pay_day(published, truth):
    paid = truth("orders").dropna(subset="paid_at")
    days = paid.groupby(shanghai_date(paid["paid_at"]))["order_price_fen"].sum()

    same(published("gmv"), {(day, "all"): yuan(fen) for day, fen in days.items()})


def test_paid_orders_are_equal_to_the_order(published, truth):
    paid = truth("orders").dropna(subset="paid_at")
    days = paid.groupby(shanghai_date(paid["paid_at"])).size()
    found = {key: (row[2],) for key, row in published("average_order_value").items()}

    same(found, {(day, "all"): count for day, count in days.items()})


def test_paying_customers_are_equal_to_the_person(published, truth):
    paid = truth("orders").dropna(subset="paid_at")
    days = paid.groupby(shanghai_date(paid["paid_at"]))["external_userid"].nunique()

    same(published("paying_customers"), {(day, "all"): count for day, count in days.items()})


def test_new_customers_are_equal_to_the_person(published, truth):
    days = truth("persons").groupby("first_add_date").size()

    same(published("new_customers"), {(day, "all"): count for day, count in days.items()})


def test_a_day_that_still_moves_is_never_called_final(worlds):
    """Billing-clock conversions grow for 30 days, on some platforms for 7; none is final before."""
    rows = (
        worlds[0]
        .execute(
            "select dimension_value, max(period_start_date) from mart_kpi_daily "
            "where metric_id = 'platform_conversions' and period = 'day' and is_final group by all"
        )
        .fetchall()
    )
    newest = dict(rows)
    week = {"kuaishou_feed", "baidu_search", "xiaohongshu_feed"}

    assert newest.keys() & week
    for channel, day in newest.items():
        assert (LAST - day).days >= (6 if channel in week else 29), channel


def test_every_day_says_how_complete_it_is(worlds):
    missing = (
        worlds[0]
        .execute(
            "select count(*) from mart_kpi_daily where completeness is null and value is not null "
            "and period = 'day' and period_start_date between ? and ?",
            [FIRST, LAST],
        )
        .fetchone()[0]
    )

    assert missing == 0
