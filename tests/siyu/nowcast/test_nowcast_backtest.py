from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from lagged import FIRST, frame_of, noisy

from siyu.nowcast import analyses, by_delay, past_estimates


def past_of(known, last_day):
    made = analyses(
        frame_of(known),
        FIRST + timedelta(last_day),
        keys=["series"],
        final_delay=4,
        is_rest_day=None,
    )
    return past_estimates(made)


@pytest.fixture(scope="module")
def past(counts):
    return past_of(counts, 149)


def test_every_delay_that_is_shown_beats_both_naive_rules(past):
    table = by_delay(past).iloc[:-1]

    shown = table[table["shown"] > 0]
    assert len(shown) >= 3
    for kind in ("mape", "wape"):
        naive = shown[[f"{kind}_raw", f"{kind}_last_week"]].min(axis=1)
        assert (shown[f"{kind}_estimate"] < naive).all()


def test_eighty_percent_of_what_was_shown_was_covered(past):
    assert 76 <= by_delay(past)["coverage"].iloc[-1] <= 84


def test_no_past_estimate_knows_what_came_after_its_day(counts, past):
    """Poison every cell known after day 110: what was estimated up to it must not move."""
    poisoned = counts.copy()
    poisoned[:, np.arange(150)[:, None] + np.arange(5) > 110] = 1e7

    def made_by_then(table):
        made_on = pd.to_datetime(table["event_date"]) + pd.to_timedelta(table["delay"], "D")
        early = table[made_on <= pd.Timestamp(FIRST + timedelta(110))]
        # the outcome of the newest of them lies in the poisoned part; it is judged, not used
        return early.drop(columns=["final", "is_covered"]).reset_index(drop=True)

    before, after = made_by_then(past), made_by_then(past_of(poisoned, 149))

    assert len(before) > 1000
    assert before["is_shown"].any()
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_errors_are_those_of_what_was_shown(past):
    shown = past[past["is_shown"] & (past["delay"] == 1)]
    row = by_delay(past).set_index("delay").loc[1]

    error = (shown["estimate"] - shown["final"]).abs()
    assert row["shown"] == len(shown)
    assert row["mape_estimate"] == pytest.approx(100 * (error / shown["final"]).mean())
    assert row["wape_estimate"] == pytest.approx(100 * error.sum() / shown["final"].sum())
    every = by_delay(past, shown=False).set_index("delay").loc[1]
    assert every["mape_estimate"] != row["mape_estimate"]


def test_a_few_events_a_day_are_hardly_ever_shown():
    table = by_delay(past_of(noisy(2, series=4), 149))

    assert table["shown"].iloc[-1] < 0.1 * table["tests"].iloc[-1]


def test_too_short_a_history_has_no_tests(counts):
    assert past_of(counts[:, :15], 14).empty
