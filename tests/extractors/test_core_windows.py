from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from extractors.core.manifest import Arrival, Commit, Manifest
from extractors.core.windows import (
    check_window,
    due_dates,
    due_window,
    learnt_delay,
    look_back_days,
    newest_day,
)
from extractors.registry import get_stream
from siyu.accounts import Account
from siyu.calendar import days
from siyu.errors import UsageError

ADS = get_stream("tencent_ads", "daily_report_request_time")
BEHAVIOUR = get_stream("wecom", "user_behavior")
STAFF = get_stream("wecom", "follow_user")
ORDERS = get_stream("wechat_store", "order")
ACCOUNT = Account("tencent_ads", "20001")


def morning(day, clock="10:30"):
    return datetime.fromisoformat(f"{day}T{clock}:00+08:00")


@pytest.fixture
def manifest(tmp_path):
    return Manifest(str(tmp_path))


def pulled(manifest, stream, on, dates, *, unready=(), arrivals=(), clock="10:30", account="20001"):
    at = morning(on, clock)
    manifest.add(
        Commit(
            source=stream.source,
            stream=stream.name,
            kind=str(stream.kind),
            account=account,
            run_id=f"{on}{clock}".replace(":", ""),
            pulled_at=at,
            started_at=at,
            finished_at=at,
            first_date=min(dates, default=on),
            last_date=max(dates, default=on),
            covered_dates=tuple(sorted(dates)),
            rows=0,
            bytes=0,
            requests=0,
            schema_fingerprint="",
            not_ready_dates=tuple(unready),
            arrivals=tuple(arrivals),
        )
    )


TODAY = date(2026, 4, 14)


@pytest.mark.parametrize(
    ("clock", "expected"), [("07:59", date(2026, 4, 12)), ("08:00", date(2026, 4, 13))]
)
def test_a_report_day_is_due_once_its_source_is_ready(clock, expected):
    assert newest_day(ADS, morning(TODAY, clock)) == expected


def test_the_first_pull_takes_thirty_days_and_not_before_the_account_existed(manifest):
    as_of = morning(TODAY)
    assert due_window(ADS, ACCOUNT, manifest, as_of) == (date(2026, 3, 15), date(2026, 4, 13))
    young = replace(ACCOUNT, options={"since": "2026-04-01"})
    assert due_window(ADS, young, manifest, as_of) == (date(2026, 4, 1), date(2026, 4, 13))


def test_new_days_and_those_still_revised_are_due(manifest):
    pulled(manifest, BEHAVIOUR, date(2026, 4, 13), days(date(2026, 3, 14), date(2026, 4, 12)))
    assert due_dates(BEHAVIOUR, ACCOUNT, manifest, morning(TODAY)) == days(
        date(2026, 4, 7), date(2026, 4, 13)
    )


def test_days_that_no_pull_reached_are_caught_up(manifest):
    pulled(manifest, BEHAVIOUR, date(2026, 4, 1), days(date(2026, 3, 2), date(2026, 3, 31)))
    due = due_dates(BEHAVIOUR, ACCOUNT, manifest, morning(TODAY))
    # the last four had not become final, then everything since
    assert due == days(date(2026, 3, 28), date(2026, 4, 13))


def test_a_day_not_ready_is_due_again_the_same_day_and_a_whole_one_is_not(manifest):
    pulled(
        manifest,
        BEHAVIOUR,
        TODAY,
        days(date(2026, 4, 1), date(2026, 4, 12)),
        unready=[date(2026, 4, 13)],
        clock="07:00",
    )
    assert due_dates(BEHAVIOUR, ACCOUNT, manifest, morning(TODAY)) == [date(2026, 4, 13)]


def test_an_incomplete_day_is_asked_for_again_but_not_for_ever(manifest):
    recent, old = date(2026, 4, 9), date(2026, 4, 2)
    pulled(
        manifest,
        BEHAVIOUR,
        TODAY,
        days(date(2026, 4, 1), date(2026, 4, 13)),
        unready=[recent, old],
        clock="07:00",
    )
    assert due_dates(BEHAVIOUR, ACCOUNT, manifest, morning(TODAY)) == [recent]


def test_asking_twice_at_one_moment_gives_the_same_answer(manifest):
    before = due_dates(ADS, ACCOUNT, manifest, morning(TODAY))
    pulled(manifest, ADS, TODAY, before)
    assert due_dates(ADS, ACCOUNT, manifest, morning(TODAY)) == before
    assert due_dates(ADS, ACCOUNT, manifest, morning(TODAY, "12:00")) == []


def test_what_was_due_earlier_and_after_a_late_commit_is_not_taken_from_memory(manifest):
    first, second = days(date(2026, 3, 14), date(2026, 4, 11)), [date(2026, 4, 12)]
    pulled(manifest, BEHAVIOUR, date(2026, 4, 12), first)
    before = due_dates(BEHAVIOUR, ACCOUNT, manifest, morning(date(2026, 4, 13), "10:00"))
    pulled(manifest, BEHAVIOUR, date(2026, 4, 13), second)
    assert date(2026, 4, 12) not in due_dates(
        BEHAVIOUR, ACCOUNT, manifest, morning(date(2026, 4, 13), "23:00")
    )
    assert date(2026, 4, 12) in before
    assert due_dates(BEHAVIOUR, ACCOUNT, manifest, morning(date(2026, 4, 13), "10:00")) == before
    # a pull as of an earlier moment, committed last
    pulled(manifest, BEHAVIOUR, date(2026, 4, 13), second, unready=second, clock="11:00")
    pulled(manifest, BEHAVIOUR, date(2026, 4, 13), [], unready=second, clock="10:45")
    assert date(2026, 4, 12) in due_dates(
        BEHAVIOUR, ACCOUNT, manifest, morning(date(2026, 4, 13), "23:00")
    )


def test_a_list_is_due_once_a_day(manifest):
    assert due_dates(STAFF, ACCOUNT, manifest, morning(TODAY)) == [TODAY]
    pulled(manifest, STAFF, TODAY, [TODAY], clock="07:00")
    assert due_window(STAFF, ACCOUNT, manifest, morning(TODAY)) is None


def test_events_are_due_from_the_last_pull_on(manifest):
    pulled(manifest, ORDERS, date(2026, 4, 12), [])
    assert due_window(ORDERS, ACCOUNT, manifest, morning(TODAY)) == (date(2026, 4, 12), TODAY)


def curve(settled_at, contract=30, days_closed=20):
    """Days of which 99 % is known until `settled_at`, and everything from then on."""
    return {
        "conversions": {
            ("20001", TODAY - timedelta(contract + n)): {
                delay: 1000 if delay >= settled_at else 990 for delay in range(1, contract + 1)
            }
            for n in range(days_closed)
        }
    }


def test_the_look_back_is_the_delay_by_which_995_per_mille_has_arrived():
    assert learnt_delay(curve(12), 30, TODAY) == 12
    assert learnt_delay(curve(12) | {"cost": curve(2)["conversions"]}, 30, TODAY) == 12
    assert learnt_delay(curve(12, days_closed=13), 30, TODAY) is None


def test_an_over_count_that_is_taken_back_is_waited_for_too():
    known = {
        "orders": {
            ("20001", TODAY - timedelta(30 + n)): {1: 1000, 9: 1010, 10: 1000, 30: 1000}
            for n in range(20)
        }
    }
    assert learnt_delay(known, 30, TODAY) == 10


def test_days_that_were_first_read_when_they_were_old_teach_nothing():
    """The first pull reaches back 30 days: those days look settled from the start."""
    known = {
        "conversions": {
            ("20001", TODAY - timedelta(30 + n)): dict.fromkeys(range(29 - n, 31), 1000)
            for n in range(20)
        }
    }
    assert learnt_delay(known, 30, TODAY) is None


def test_a_small_account_looks_back_as_far_as_its_stream_does(manifest):
    history(manifest, settled_at=12)
    for pull in range(60, 0, -1):
        on = TODAY - timedelta(pull)
        dates = days(on - timedelta(30), on - timedelta(1))
        pulled(
            manifest,
            ADS,
            on,
            dates,
            account="20002",
            arrivals=[Arrival(day, "SITE_SET_MOMENTS", "conversions_count", 1.0) for day in dates],
        )
    small = replace(ACCOUNT, account="20002")
    due = due_dates(ADS, small, manifest, morning(TODAY))
    assert set(days(TODAY - timedelta(12), TODAY - timedelta(1))) <= set(due)


def history(manifest, settled_at):
    for pull in range(60, 0, -1):
        on = TODAY - timedelta(pull)
        dates = days(on - timedelta(30), on - timedelta(1))
        pulled(
            manifest,
            ADS,
            on,
            dates,
            arrivals=[
                Arrival(
                    day,
                    "SITE_SET_MOMENTS",
                    "conversions_count",
                    1000.0 if (on - day).days >= settled_at else 990.0,
                )
                for day in dates
            ],
        )


def test_a_learnt_look_back_shortens_the_pull_and_a_day_is_closed_by_a_last_one(manifest):
    history(manifest, settled_at=12)
    assert look_back_days(ADS, manifest, morning(TODAY)) == 12
    pulled(manifest, ADS, TODAY, days(TODAY - timedelta(12), TODAY - timedelta(1)))
    tomorrow = TODAY + timedelta(1)
    due = due_dates(ADS, ACCOUNT, manifest, morning(tomorrow))
    # last read at delay 29, now 30 days old: its closing pull
    closing = [tomorrow - timedelta(31), tomorrow - timedelta(30)]
    assert set(due) - set(closing) == set(days(tomorrow - timedelta(12), TODAY))
    assert tomorrow - timedelta(30) in due


@pytest.mark.parametrize(("settled_at", "expected"), [(1, 7), (30, 30)])
def test_the_learnt_look_back_stays_within_a_week_and_the_contract(manifest, settled_at, expected):
    history(manifest, settled_at)
    assert look_back_days(ADS, manifest, morning(TODAY)) == expected


@pytest.mark.parametrize(
    ("stream", "first", "last", "says"),
    [
        (ADS, date(2026, 4, 13), date(2026, 4, 14), "newest day"),
        (ORDERS, date(2026, 4, 14), date(2026, 4, 15), "newest day"),
        (BEHAVIOUR, date(2025, 10, 15), date(2025, 10, 20), "keeps this stream from 2025-10-16"),
        (
            get_stream("wechat_oa", "article_total_detail"),
            date(2025, 10, 31),
            date(2025, 11, 2),
            "from 2025-11-01",
        ),
        (ADS, date(2026, 4, 2), date(2026, 4, 1), "ends before"),
        (STAFF, date(2026, 4, 13), date(2026, 4, 13), "present state"),
    ],
)
def test_impossible_windows_are_wrong_use(stream, first, last, says):
    with pytest.raises(UsageError, match=says) as caught:
        check_window(stream, ACCOUNT, first, last, morning(TODAY))
    assert caught.value.exit_code == 2
    assert caught.value.action
    # moments are shown in Shanghai time, as they are typed
    assert "+00:00" not in str(caught.value)
