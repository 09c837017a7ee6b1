from dataclasses import replace
from datetime import time, timedelta

import pytest
from vendor_accounts import ACCOUNTS, AS_OF, YESTERDAY

from extractors.core.manifest import Manifest
from extractors.core.overrides import check_overrides, for_account
from extractors.core.pull import due_streams
from extractors.core.windows import newest_day, oldest_day
from extractors.registry import get_stream
from siyu.errors import ConfigurationError

REPORT = get_stream("tencent_ads", "daily_report_request_time")


def account(**streams):
    return replace(
        ACCOUNTS["tencent_ads"], options={**ACCOUNTS["tencent_ads"].options, "streams": streams}
    )


def test_an_account_changes_what_is_inferred_and_other_accounts_do_not_notice():
    mine = for_account(
        REPORT,
        account(daily_report_request_time={"ready_at": "11:00", "history_days": 40}),
    )
    assert (mine.ready_at, mine.history_days) == (time(11), 40)
    assert newest_day(mine, AS_OF) == YESTERDAY - timedelta(1)  # 10:30 is before 11:00
    assert oldest_day(mine, account(), AS_OF) == YESTERDAY + timedelta(1) - timedelta(40)
    assert (REPORT.ready_at, REPORT.history_days) == (time(8), 365)
    assert for_account(REPORT, ACCOUNTS["tencent_ads"]) is REPORT


def test_windows_are_cut_as_the_account_says(settings):
    mine = for_account(REPORT, account(daily_report_request_time={"max_window_days": 7}))
    assert mine.max_window_days == 7
    assert Manifest(settings.landing_address).commits() == []


def test_an_unquoted_clock_time_of_yaml_means_the_same():
    minutes = 10 * 60 + 30
    mine = for_account(REPORT, account(daily_report_request_time={"ready_at": minutes}))
    assert mine.ready_at == time(10, 30)


def test_a_stream_that_is_switched_off_is_not_due():
    off = account(daily_report_request_time={"enabled": False})
    assert "daily_report_request_time" not in {s.name for _, s in due_streams([off])}
    on = account(daily_report_request_time={"enabled": True})
    assert "daily_report_request_time" in {s.name for _, s in due_streams([on])}


@pytest.mark.parametrize(
    ("streams", "names"),
    [
        ({"nope": {"enabled": False}}, "daily_report_request_time"),
        ({"daily_report_request_time": {"primary_key": ["x"]}}, "ready_at"),
        ({"daily_report_request_time": {"ready_at": "25:00"}}, "Shanghai clock"),
        ({"daily_report_request_time": {"ready_at": 5000}}, "Shanghai clock"),
        ({"daily_report_request_time": {"revised_for_days": -1}}, "0 or more"),
        ({"daily_report_request_time": {"max_window_days": 0}}, "1 or more"),
        ({"daily_report_request_time": {"history_days": "90"}}, "1 or more"),
        ({"daily_report_request_time": {"enabled": "no"}}, "true or false"),
        ({"daily_report_request_time": 7}, "write them like"),
    ],
)
def test_what_cannot_be_overridden_is_refused_with_a_way_out(streams, names):
    with pytest.raises(ConfigurationError) as caught:
        check_overrides(account(**streams))
    assert names in caught.value.action
    assert "tencent_ads/20001" in caught.value.where


def test_overrides_that_are_no_mapping_are_refused():
    with pytest.raises(ConfigurationError, match="no mapping"):
        check_overrides(replace(ACCOUNTS["wecom"], options={"streams": ["customer"]}))
