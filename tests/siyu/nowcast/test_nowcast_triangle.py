from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from lagged import FIRST

from siyu.errors import UsageError
from siyu.nowcast.triangle import triangles

KEYS = ["source", "stream", "account", "channel", "measure"]


def arrivals(*rows):
    """Rows of (channel, day from the first, delay, value) of one account."""
    return pd.DataFrame(
        [
            ("page_events", "page_event", "h5", channel, "lead_form", FIRST + timedelta(day), *rest)
            for channel, day, *rest in rows
        ],
        columns=[*KEYS, "event_date", "delay_days", "value"],
    )


def one(frame, last_day, **options):
    [triangle] = triangles(frame, FIRST + timedelta(last_day), KEYS, **options)
    return triangle


def test_a_pull_without_news_of_a_day_leaves_its_value_standing():
    # on the evening of day 2 the account was pulled: channel b, day 2, says so
    frame = arrivals(("a", 0, 0, 5), ("a", 0, 1, 7), ("b", 2, 0, 1))

    triangle = one(frame, 2, final_delay=3)

    assert triangle.known[0, 0, :3].tolist() == [5, 7, 7]


def test_a_day_without_a_pull_stays_unknown():
    frame = arrivals(("a", 0, 0, 5), ("a", 0, 2, 9), ("a", 1, 1, 4))

    triangle = one(frame, 3, final_delay=3)

    # nobody pulled on day 1 (day 0 at delay 1) nor on day 3
    np.testing.assert_array_equal(triangle.known[0, 0], [5, np.nan, 9, np.nan])
    assert triangle.newest[0, 0] == 9
    assert triangle.newest_delay[0, 0] == 2


def test_a_quiet_channel_has_a_true_zero_on_a_day_others_speak_of():
    frame = arrivals(("a", 0, 0, 1), ("b", 0, 0, 1), ("a", 1, 0, 5), ("a", 1, 1, 6))

    triangle = one(frame, 2, final_delay=2)

    assert triangle.known[1, 1, :2].tolist() == [0, 0]


def test_a_day_nobody_has_spoken_of_is_unknown_not_zero():
    frame = arrivals(("a", 0, 0, 1), ("a", 2, 0, 5))

    triangle = one(frame, 2, final_delay=2)

    assert np.isnan(triangle.known[0, 1]).all()
    assert triangle.newest_delay[0, 1] == -1


def test_days_before_a_channel_began_are_unknown():
    frame = arrivals(("a", 0, 0, 3), ("b", 3, 0, 2), ("a", 3, 0, 3))

    triangle = one(frame, 3, final_delay=2)

    assert np.isnan(triangle.known[1, :3]).all()
    assert triangle.known[1, 3, 0] == 2


def test_in_a_complete_history_no_row_means_nothing_new_until_its_last_day():
    frame = arrivals(("a", 0, 0, 5), ("a", 2, 0, 4), ("a", 2, 1, 6))

    triangle = one(frame, 5, final_delay=2, is_complete=True)

    assert triangle.known[0, :3].tolist() == [[5, 5, 5], [0, 0, 0], [4, 6, 6]]
    assert np.isnan(triangle.known[0, 3:]).all()


def test_rows_observed_after_the_day_are_not_looked_at():
    frame = arrivals(("a", 0, 0, 5), ("a", 0, 1, 7), ("a", 1, 0, 3))

    triangle = one(frame, 0, final_delay=3)

    assert triangle.known.shape == (1, 1, 4)
    np.testing.assert_array_equal(triangle.known[0, 0], [5, np.nan, np.nan, np.nan])


def test_the_later_of_two_pulls_of_a_day_counts():
    frame = arrivals(("a", 0, 0, 8), ("a", 0, 0, 5))
    at = pd.to_datetime(["2026-03-02T04:00Z", "2026-03-02T02:00Z"])

    assert one(frame.assign(pulled_at=at), 0, final_delay=1).known[0, 0, 0] == 8
    assert one(frame, 0, final_delay=1).known[0, 0, 0] == 5


def test_a_pull_after_the_final_delay_closes_the_day_too():
    frame = arrivals(("a", 0, 0, 5), ("a", 0, 9, 8))

    triangle = one(frame, 9, final_delay=3)

    assert (triangle.newest[0, 0], triangle.newest_delay[0, 0]) == (8, 9)


def test_the_final_delay_is_learnt_as_that_by_which_all_but_a_thousandth_came():
    rows = [
        ("a", day, delay, value)
        for day in range(20)
        for delay, value in enumerate([500, 900, 999.5, 1000, 1000, 1000])
        if day + delay < 20
    ]

    assert one(arrivals(*rows), 19).final_delay == 2


def test_each_stream_has_the_final_delay_of_its_column():
    frame = arrivals(("a", 0, 0, 5), ("b", 0, 0, 5))
    frame["stream"], frame["final_delay"] = ["s", "t"], [3, 7]

    found = triangles(frame, FIRST, KEYS)

    assert [(t.final_delay, t.keys["stream"].tolist()) for t in found] == [(3, ["s"]), (7, ["t"])]


def test_a_missing_column_is_wrong_use():
    with pytest.raises(UsageError, match="value"):
        triangles(arrivals(("a", 0, 0, 5)).drop(columns="value"), date(2026, 3, 2), KEYS)


def test_no_rows_make_no_triangle():
    assert triangles(arrivals(("a", 5, 0, 5)), FIRST, KEYS) == []
