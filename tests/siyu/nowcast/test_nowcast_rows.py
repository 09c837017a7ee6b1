from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from lagged import CURVE, FIRST, exact, frame_of, noisy, until

from siyu.errors import UsageError
from siyu.nowcast import REASONS, Settings, nowcast, nowcast_ratio
from siyu.nowcast.analysis import COLUMNS

LAST = FIRST + timedelta(149)


def rows_of(known, as_of=LAST, **options):
    options = {"keys": ["series"], "final_delay": 4, "is_rest_day": None} | options
    return nowcast(frame_of(known), as_of, **options)


@pytest.fixture(scope="module")
def rows(counts):
    return rows_of(counts)


def test_a_row_per_series_and_day_with_the_columns_of_the_warehouse(rows, counts):
    assert tuple(rows) == ("series", *COLUMNS)
    assert len(rows) == counts[..., 0].size
    assert not rows.duplicated(["series", "event_date"]).any()
    assert rows["event_date"].max() == LAST


def test_a_closed_day_is_its_own_estimate(rows, counts):
    closed = rows[rows["event_date"] <= LAST - timedelta(4)]

    assert (closed["reason"] == "final").all()
    assert (closed["completeness"] == 1).all()
    for name in ("value", "nowcast", "nowcast_low", "nowcast_high"):
        np.testing.assert_array_equal(closed[name], counts[:, :146, 4].ravel())


def test_an_open_day_is_estimated_or_says_why_not(rows, counts):
    newest = rows[rows["event_date"] > LAST - timedelta(4)]
    shown = newest[newest["reason"].isna()]

    assert 0 < len(shown) < len(newest)
    assert (shown["nowcast_low"] <= shown["nowcast"]).all()
    assert (shown["nowcast"] <= shown["nowcast_high"]).all()
    assert (
        shown["completeness"].between(shown["completeness_low"], shown["completeness_high"]).all()
    )
    assert newest["nowcast"].isna().equals(newest["reason"].notna())
    assert set(newest["reason"].dropna()) <= set(REASONS)
    finals = counts[:, 147, 4]
    third_day = newest[newest["event_date"] == LAST - timedelta(2)]
    assert np.abs(third_day["nowcast"] - finals).mean() < np.abs(third_day["value"] - finals).mean()


def test_the_same_input_gives_the_same_rows_to_the_bit(rows, counts):
    again = rows_of(counts[:, :, :])

    pd.testing.assert_frame_equal(rows, again, check_exact=True)


def test_the_future_does_not_matter(rows, counts):
    frame = frame_of(counts)
    later = frame["event_date"].map(lambda d: (d - FIRST).days) + frame["delay_days"] > 120
    poisoned = frame.assign(value=frame["value"].mask(later, 1e7))
    as_of = FIRST + timedelta(120)

    ours, theirs = (
        nowcast(f, as_of, keys=["series"], is_rest_day=None) for f in (frame[~later], poisoned)
    )

    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_one_series_does_not_change_another(rows, counts):
    alone = rows_of(counts[:1])

    pd.testing.assert_frame_equal(
        alone, rows[rows["series"] == "0"].reset_index(drop=True), check_exact=True
    )


def test_no_history_no_estimate(counts):
    new = rows_of(counts[:1, :12], FIRST + timedelta(11))

    newest = new[new["event_date"] > FIRST + timedelta(7)]
    assert (newest["reason"] == "no_history").all()
    assert newest[["nowcast", "completeness", "completeness_low"]].isna().all(axis=None)


def test_everything_is_shown_on_demand_with_its_reason_kept(counts):
    new = rows_of(counts[:1, :30], FIRST + timedelta(29), settings=Settings(suppress=False))

    newest = new[new["event_date"] == FIRST + timedelta(28)].iloc[0]
    assert newest["nowcast"] > newest["value"]
    assert newest["reason"] is not None


def test_after_a_failed_pull_the_estimate_of_the_last_one_stands(counts):
    frame = frame_of(until(counts[:1]))
    missed = frame["event_date"].map(lambda d: (d - FIRST).days) + frame["delay_days"] >= 149

    with_gap = nowcast(frame[~missed], LAST, keys=["series"], final_delay=4, is_rest_day=None)
    day_before = nowcast(
        frame[~missed], LAST - timedelta(1), keys=["series"], final_delay=4, is_rest_day=None
    )

    both = with_gap.merge(day_before, on="event_date", suffixes=("", "_before"))
    third = both[both["event_date"] == LAST - timedelta(3)].iloc[0]
    assert third["nowcast"] == third["nowcast_before"]
    assert with_gap["reason"].iloc[-1] == "not_observed"


def test_a_moment_means_its_business_day(counts):
    evening = datetime(2026, 7, 28, 20, tzinfo=UTC)  # 04:00 of the 29th in Shanghai

    assert rows_of(counts[:1], evening)["event_date"].max() == LAST
    with pytest.raises(UsageError, match="is not a day"):
        rows_of(counts[:1], "2026-07-29")


def test_a_ratio_is_made_of_both_sides_and_its_own_errors():
    """Leads come late, clicks later still; their raw ratio misleads, the combined one does not."""
    clicks = noisy(2000, seed=1)
    rng = np.random.default_rng(9)
    rate = 0.1 * np.exp(np.cumsum(rng.normal(0, 0.06, (1, 150, 1)), axis=1))
    leads = np.rint(clicks[..., -1:] * rate * np.array(CURVE) ** 0.3)

    table = nowcast_ratio(
        frame_of(until(leads)), frame_of(until(clicks)), LAST, keys=["series"], is_rest_day=None
    )

    final = (leads[0, :, -1] / clicks[0, :, -1])[-4:]
    newest = table.tail(4)
    shown = newest["reason"].isna().to_numpy()
    assert shown.sum() >= 2
    error, raw = (np.abs(newest[name] - final)[shown].mean() for name in ("nowcast", "value"))
    assert error < raw / 2
    assert (newest["nowcast_low"] < newest["nowcast_high"])[shown].all()
    np.testing.assert_allclose(table["nowcast"].iloc[60], leads[0, 60, -1] / clicks[0, 60, -1])


def test_a_ratio_without_a_denominator_is_null_not_zero():
    ones = exact(np.full((1, 40), 10.0), CURVE)
    nothing = ones.copy()
    nothing[0, 30:] = 0.0

    table = nowcast_ratio(
        frame_of(until(ones)), frame_of(until(nothing)), FIRST + timedelta(39), keys=["series"]
    )

    assert table.set_index("event_date")["value"].loc[FIRST + timedelta(32) :].isna().all()


def test_no_arrivals_no_rows():
    empty = frame_of(np.full((1, 1, 2), np.nan))

    assert list(nowcast(empty, LAST, keys=["series"])) == ["series", *COLUMNS]
