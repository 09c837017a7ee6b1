import numpy as np
import pytest
from lagged import CURVE, exact, noisy, until

from siyu.nowcast.factors import LARGEST_FACTOR, RestDays, log_development
from siyu.nowcast.settings import Settings

POOLED = Settings(weekday=False, shrinkage=False)
DAYS = 70


def weekly(weekday_curve, other_curve, weekday=6):
    """Curves of which one weekday has its own."""
    return np.array([weekday_curve if n % 7 == weekday else other_curve for n in range(DAYS)])


def test_the_pooled_factor_is_the_ratio_of_sums():
    known = until(np.array([[[10.0, 20.0], [30.0, 33.0], [5.0, 6.0], [8.0, np.nan]]]))

    to_final, links = log_development(known, None, POOLED)

    # on the last day the links of the three days before it are known
    assert np.exp(to_final[0, 3, 0]) == pytest.approx((20 + 33 + 6) / (10 + 30 + 5))
    assert links[0, 3, 0] == 3


def test_an_origin_knows_no_link_that_closes_after_it():
    known = noisy(100, days=30)
    poisoned = until(known)
    poisoned[:, 20:, 1:] *= 50

    before, after = (log_development(until(k), None, Settings())[0] for k in (known, poisoned))

    np.testing.assert_array_equal(before[:, :21], after[:, :21])
    assert (before[:, 25:] != after[:, 25:]).any()


def test_a_weekday_that_arrives_later_has_its_own_factor():
    slow = (0.2, 0.4, 0.6, 0.8, 1.0)
    known = until(exact(np.full((1, DAYS), 1000), weekly(slow, CURVE)))

    to_final, _ = log_development(known, None, Settings())

    origin = DAYS - 1  # a Sunday: delay 0 is a Sunday, delay 1 a Saturday
    assert np.exp(to_final[0, origin, 0]) == pytest.approx(1 / 0.2)
    assert np.exp(to_final[0, origin, 1]) == pytest.approx(1 / 0.6)


def test_without_weekdays_every_day_has_the_pooled_factor():
    known = until(exact(np.full((1, DAYS), 1000), weekly((0.2, 0.4, 0.6, 0.8, 1.0), CURVE)))

    to_final, _ = log_development(known, None, POOLED)

    assert 1 / 0.4 < np.exp(to_final[0, -1, 0]) < 1 / 0.2


def away_from_pooled(known, **choice):
    weekdays, _ = log_development(until(known), None, Settings(**choice))
    pooled, _ = log_development(until(known), None, Settings(weekday=False))
    return np.abs(weekdays - pooled)[:, 60:, :4].mean()


def test_small_volumes_are_shrunk_to_the_pooled_factors_and_big_ones_are_not():
    # no weekday differs: whatever the factors per weekday say is chance
    rng = np.random.default_rng(1)
    share = np.diff(CURVE, prepend=0.0)
    small = rng.multinomial(rng.poisson(8, (20, 90)), share).cumsum(axis=2).astype(float)
    assert away_from_pooled(small) < 0.5 * away_from_pooled(small, shrinkage=False)

    # one weekday differs much, and there is volume to show it
    big = noisy(3000, series=5, days=90)
    assert away_from_pooled(big) > 0.8 * away_from_pooled(big, shrinkage=False)


def test_a_holiday_is_developed_like_a_rest_day_and_spoils_no_weekday():
    """A number grows by half each working day and not at all on rest days."""
    is_rest = np.arange(DAYS + 20) % 7 >= 5
    holiday = DAYS - 12
    assert not is_rest[holiday]
    is_rest[holiday] = True
    growth = np.where(is_rest, 1.0, 1.5)
    curves = np.stack([growth[day + 1 : day + 4] for day in range(DAYS)]).cumprod(axis=1)
    curves = np.column_stack([np.ones(DAYS), curves]) * 0.1
    known = until(exact(np.full((1, DAYS), 1000), curves))

    with_calendar, _ = log_development(known, RestDays(is_rest), Settings())
    without, _ = log_development(known, None, Settings())

    for day in (holiday - 1, holiday + 6):  # its evening before, and that a week later
        right = np.log(curves[day, 3] / curves[day, 0])
        assert with_calendar[0, day, 0] == pytest.approx(right)
        assert without[0, day, 0] != pytest.approx(right, abs=0.01)


def test_something_out_of_nothing_is_no_division_by_zero():
    known = until(exact(np.full((1, 30), 50), np.array([0.0, 1.0])[None, None, :]))

    to_final, _ = log_development(known, None, Settings())

    assert np.exp(to_final[0, -1, 0]) == pytest.approx(LARGEST_FACTOR)


def test_values_may_shrink():
    known = until(exact(np.full((1, 40), 200), np.array([1.25, 1.0])[None, None, :]))

    to_final, _ = log_development(known, None, Settings())

    assert np.exp(to_final[0, -1, 0]) == pytest.approx(0.8)
