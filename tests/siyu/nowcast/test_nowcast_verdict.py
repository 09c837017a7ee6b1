import numpy as np
import pytest
from lagged import CURVE, exact, noisy, until

from siyu.nowcast.estimate import Estimates, estimate_all
from siyu.nowcast.settings import Settings
from siyu.nowcast.verdict import (
    NEARLY_COMPLETE,
    NO_HISTORY,
    NOT_BETTER_THAN_LAST_WEEK,
    NOT_BETTER_THAN_RAW,
    NOT_OBSERVED,
    SHOWN,
    intervals,
    judge,
)


def judged(known, settings=None):
    settings = settings or Settings()
    made = estimate_all(until(known), None, settings)
    return made, judge(until(known), made, settings)


def invented(errors, *, raw=60.0, last_week=100.0, final=100.0):
    """Estimates of one series that miss 100 by these errors, final a day later."""
    days = len(errors)

    def column(first, last):
        return np.stack([np.broadcast_to(first, days), np.broadcast_to(last, days)], axis=1)[None]

    return Estimates(
        value=column(raw, final),
        estimate=column(final - np.asarray(errors, dtype=float), final),
        completeness=column(0.6, 1.0),
        last_week=column(last_week, final),
        final=column(final, final),
    )


def test_an_estimate_that_beats_both_naive_rules_is_shown(counts):
    _, verdict = judged(counts)

    # the third day: 80 % known, and last week says little of a count
    assert (verdict.reason[:, -1, 2] == SHOWN).mean() > 0.7


def test_it_is_not_shown_where_the_known_number_was_closer():
    errors = np.where(np.arange(80) % 2, 30.0, -30.0)

    verdict = judge(None, invented(errors, raw=90.0, last_week=10.0), Settings())

    assert verdict.reason[0, -1, 0] == NOT_BETTER_THAN_RAW


def test_it_is_not_shown_where_last_week_was_closer():
    errors = np.where(np.arange(80) % 2, 30.0, -30.0)

    verdict = judge(None, invented(errors, raw=10.0, last_week=95.0), Settings())

    assert verdict.reason[0, -1, 0] == NOT_BETTER_THAN_LAST_WEEK


def test_a_gain_of_a_few_percent_does_not_show_it():
    barely, clearly = np.full(60, 38.0), np.full(60, 30.0)  # the known number misses by 40

    reasons = [
        judge(None, invented(errors, last_week=0.0), Settings()).reason[0, -1, 0]
        for errors in (barely, clearly)
    ]

    assert reasons == [NOT_BETTER_THAN_RAW, SHOWN]


def test_one_lucky_day_does_not_show_it():
    """The mean gain is big, but a single day of sixty carries it."""
    errors = np.full(60, 41.0)
    errors[-9] = 0.0
    made = invented(errors)
    made.value[0, -9, 0] = -5000.0

    assert judge(None, made, Settings()).reason[0, -1, 0] == NOT_BETTER_THAN_RAW
    assert judge(None, made, Settings(sureness=0)).reason[0, -1, 0] != NOT_BETTER_THAN_RAW


def test_what_was_good_for_months_is_hidden_after_two_bad_weeks():
    errors = np.concatenate([np.zeros(60), np.full(20, 45.0)])

    verdict = judge(None, invented(errors, last_week=0.0), Settings())

    assert verdict.reason[0, 60, 0] == SHOWN
    assert verdict.reason[0, -1, 0] == NOT_BETTER_THAN_RAW


def test_it_must_have_held_for_a_week():
    errors = np.concatenate([np.full(60, 45.0), np.zeros(40)])  # raw misses by 40

    verdict = judge(None, invented(errors, last_week=0.0), Settings())

    shown = verdict.reason[0, :, 0] == SHOWN
    first = int(np.argmax(shown))
    one_day = judge(None, invented(errors, last_week=0.0), Settings(steadiness=1))
    assert first - int(np.argmax(one_day.reason[0, :, 0] == SHOWN)) == 6
    assert shown[first:].all()


def test_too_little_history_says_so():
    _, verdict = judged(noisy(300, days=20))

    assert (verdict.reason[0, -1, :3] == NO_HISTORY).all()


def test_where_nearly_all_is_known_the_known_number_stands():
    known = exact(np.random.default_rng(2).poisson(300, (1, 90)), (0.5, 0.98, 1.0))

    _, verdict = judged(known)

    assert verdict.reason[0, -1, 0] == SHOWN
    assert verdict.reason[0, -1, 1] == NEARLY_COMPLETE


def test_what_was_never_pulled_is_named():
    known = noisy(300, days=60)
    known[0, 50] = np.nan

    _, verdict = judged(known)

    assert verdict.reason[0, 52, 2] == NOT_OBSERVED


def test_eighty_percent_of_what_came_lies_in_the_interval(counts):
    made, verdict = judged(counts)
    low, high = np.stack([intervals(verdict, o, Settings()) for o in range(150)], axis=2)
    closed = (verdict.tests >= 14) & np.isfinite(made.final)
    closed[:, :, 4] = False

    inside = ((low <= made.final) & (made.final <= high))[closed].mean()
    missed = (verdict.missed_low | verdict.missed_high)[closed].mean()

    assert 0.76 <= inside <= 0.84
    assert inside == pytest.approx(1 - missed, abs=0.01)


def test_the_interval_widens_after_misses_and_narrows_after_hits():
    settings = Settings(adaptation=0.2)
    rng = np.random.default_rng(1)
    calm, wild = rng.normal(0, 1, 120), rng.normal(0, 1, 120) * np.linspace(1, 60, 120)

    levels = [judge(None, invented(errors), settings) for errors in (calm, wild)]

    assert levels[1].level_low[0, -1, 0] < 0.05 < levels[0].level_low[0, -1, 0]


def test_a_miss_is_heard_only_when_its_outcome_is_known(counts):
    _, before = judged(counts)
    poisoned = counts.copy()
    poisoned[:, 100, 4] *= 3  # the outcome of day 100 is known on day 104

    _, after = judged(poisoned)

    for name in ("level_low", "level_high", "reason"):
        np.testing.assert_array_equal(
            getattr(before, name)[:, :104], getattr(after, name)[:, :104], err_msg=name
        )
    assert (before.level_high[:, 104:] != after.level_high[:, 104:]).any()


def test_counts_that_never_shrank_end_no_lower_than_they_are(counts):
    _, verdict = judged(counts)
    low, _ = intervals(verdict, 149, Settings())

    assert (low[:, :4] >= until(counts)[:, -1:-5:-1, :4].diagonal(axis1=1, axis2=2)).all()


def test_the_low_end_is_never_below_a_number_that_only_grows():
    errors = np.full(60, -50.0)
    errors[-1] = (
        30.0  # today's estimate is 70, and 60 are known; estimates used to be 50 % too high
    )
    made = invented(errors)
    grows, shrinks = np.array([[60.0, 100.0]] * 60), np.array([[120.0, 100.0]] * 60)

    lows = [
        intervals(judge(known[None], made, Settings()), 59, Settings())[0][0, 0]
        for known in (grows, shrinks)
    ]

    assert lows[0] == 60
    assert lows[1] < 50


def test_values_that_shrink_may_end_below_what_is_known():
    rng = np.random.default_rng(4)
    finals = rng.poisson(300, (1, 90)).astype(float)
    known = np.stack([finals * rng.normal(1.2, 0.05, (1, 90)), finals], axis=2)

    _, verdict = judged(known)
    low, high = intervals(verdict, 89, Settings())

    assert low[0, 0] < high[0, 0] < known[0, 89, 0]


def test_a_count_is_estimated_in_whole_numbers_for_its_interval(counts):
    _, verdict = judged(counts)
    _, of_money = judged(counts * 0.37)

    assert (verdict.center[:, 60:, :4] % 1 == 0).all()
    assert (of_money.center[:, 60:, :4] % 1 != 0).any()


def test_the_curve_of_the_fixture_is_what_these_tests_assume():
    assert CURVE[2] < Settings().nearly_complete < CURVE[4]
