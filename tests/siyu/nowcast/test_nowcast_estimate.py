import numpy as np
import pytest
from lagged import CURVE, exact, noisy, until

from siyu.nowcast.estimate import estimate_all
from siyu.nowcast.settings import Settings
from siyu.nowcast.windows import by_origin, closed_sums, earlier, rolling

DAYS = 60


@pytest.fixture
def steady():
    """100 a day on working days, 50 at weekends, exactly on the curve."""
    finals = np.where(np.arange(DAYS) % 7 >= 5, 50.0, 100.0)[None]
    return exact(finals, CURVE)


def test_a_lag_that_never_varies_is_foreseen_exactly(steady):
    made = estimate_all(until(steady), None, Settings())

    np.testing.assert_allclose(made.completeness[0, -1], CURVE)
    np.testing.assert_allclose(made.estimate[0, -1], steady[0, -1:-6:-1, -1])
    np.testing.assert_array_equal(made.value[0, -1], by_origin(steady)[0, -1])


def test_a_count_of_zero_is_filled_up_from_the_same_weekday(steady):
    steady[0, -1, 0] = 0.0

    made = estimate_all(until(steady), None, Settings())

    # Bornhuetter-Ferguson: nothing known, and 60 % of the weekday's level still to come
    assert made.estimate[0, -1, 0] == pytest.approx((1 - CURVE[0]) * steady[0, -8, -1])


def test_a_count_of_zero_is_filled_up_even_where_ratios_carry_well(counts):
    known = counts[:1].copy()
    known[0, -1, 0] = 0.0

    made = estimate_all(until(known), None, Settings(prior_weights=(1.0,)))

    to_come = 1 - made.completeness[0, -1, 0]
    assert made.estimate[0, -1, 0] == pytest.approx(to_come * known[0, -8, 4])


def test_without_shrinkage_a_count_of_zero_stays_zero(steady):
    steady[0, -1, 0] = 0.0

    made = estimate_all(until(steady), None, Settings(shrinkage=False))

    assert made.estimate[0, -1, 0] == 0


def test_where_a_ratio_does_not_carry_the_prior_level_does():
    """What is known on the first day says nothing of the rest: 1, 9 or 30 of a steady 300."""
    rng = np.random.default_rng(5)
    known = np.full((1, 120, 3), 300.0)
    known[0, :, 0] = rng.choice([1.0, 9.0, 30.0], 120)
    closed = slice(60, 118)

    blended = estimate_all(until(known), None, Settings()).estimate[0, closed, 0]
    chain_ladder = estimate_all(until(known), None, Settings(shrinkage=False)).estimate[
        0, closed, 0
    ]

    assert np.abs(blended - 300).mean() < 15
    assert np.abs(chain_ladder - 300).mean() > 100


def test_without_closed_links_there_is_no_estimate(steady):
    made = estimate_all(until(steady[:, :8]), None, Settings())

    assert np.isnan(made.estimate[0, -1, 0])
    assert np.isnan(made.completeness[0, -1, 0])


def test_an_estimate_knows_nothing_of_later_days(counts):
    poisoned = counts.copy()
    later = np.arange(150)[:, None] + np.arange(5) > 100
    poisoned[:, later] = 9e6

    before, after = (estimate_all(until(k), None, Settings()) for k in (counts, poisoned))

    np.testing.assert_array_equal(before.estimate[:, :101], after.estimate[:, :101])
    assert not np.allclose(before.estimate[:, 101:], after.estimate[:, 101:], equal_nan=True)


def test_values_that_shrink_are_estimated_below_what_is_known():
    finals = np.full((1, DAYS), 200.0)

    made = estimate_all(until(exact(finals, (1.25, 1.0))), None, Settings())

    assert made.estimate[0, -1, 0] == pytest.approx(200)


def test_last_week_is_what_was_known_then_of_it():
    known = noisy(100, days=30)

    made = estimate_all(until(known), None, Settings())

    assert made.last_week[0, 20, 2] == known[0, 11, 4]  # day 18 - 7, long closed
    values = by_origin(known)
    assert earlier(values, 2)[0, 20, 1] == known[0, 17, 3]  # day 19 - 2, three days old then


def test_sums_over_closed_entries_stop_where_the_outcome_was_not_yet_known():
    ones = np.ones((1, 10, 3))

    sums = closed_sums(ones, window=4)

    assert sums[0, :, 2].tolist() == [1, 2, 3, 4, 4, 4, 4, 4, 4, 4]
    assert sums[0, :, 0].tolist() == [0, 0, 1, 2, 3, 4, 4, 4, 4, 4]
    np.testing.assert_array_equal(sums[:, :, 0], rolling(ones[:, :, 0], 4, 2))
