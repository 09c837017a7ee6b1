"""Live sessions: JSON text inside of strings, integers here and strings in the compass."""

import json
from datetime import date, timedelta

import pytest
from responses.matchers import json_params_matcher
from vendor_accounts import BASE, YESTERDAY

from extractors.core.errors import MalformedAnswerError

LIST = f"{BASE}/channels/livedashboard/getlivelist"
DATA = f"{BASE}/channels/livedashboard/getlivedata"
SUMMARY = {
    "new_watch_uv": 5210,
    "max_online_watch_uv": 310,
    "impression_uv": 40000,
    "average_watch_seconds_per_audience": 95,
    "new_follow_uv": 42,
    "comment_uv": 300,
}
SALES = {
    "total_gmv": 1_234_500,
    "total_pay_pv": 70,
    "total_pay_uv": 66,
    "refund_amount": 1250,
    "refund_rate": 0.001,
}


def sessions(platform, day, *ids, **also):
    items = [{"export_id": one, "create_time": 1776081600} for one in ids]
    platform.post(
        LIST,
        json={"errcode": 0, "live_items": items, "has_more": False, **also},
        match=[json_params_matcher({"ds": int(f"{day:%Y%m%d}")})],
    )


def board(**also):
    return {
        "errcode": 0,
        "errmsg": "ok",
        "live_dashboard_data": json.dumps({"summary": SUMMARY}),
        "live_ec_data_summary": json.dumps(SALES),
        "live_comparison_index": "{}",
        "live_ec_conversion_metric": "{}",
        "live_ec_profile": "{}",
        "live_distribution_channel": json.dumps({"feed": 0.4, "nickname": "王五"}),
        "single_live_ec_spu_data_page_v2": "{}",
        **also,
    }


def test_a_days_sessions_are_listed(weixin, run):
    sessions(weixin, YESTERDAY, "e1", "e2", "e2")
    commit, rows = run("wechat_channels_live", "live_session", window=(YESTERDAY, YESTERDAY))
    assert [row["export_id"] for row in rows[YESTERDAY]] == ["e1", "e2"]
    assert rows[YESTERDAY][0]["create_time"].date() == date(2026, 4, 13)
    assert commit.unknown_fields == ()


def test_blocks_are_read_a_second_time(weixin, run):
    sessions(weixin, YESTERDAY, "e1")
    weixin.post(DATA, json=board(), match=[json_params_matcher({"export_id": "e1"})])
    commit, rows = run("wechat_channels_live", "live_dashboard", window=(YESTERDAY, YESTERDAY))
    [row] = rows[YESTERDAY]
    assert {name: row[name] for name in SUMMARY} == SUMMARY
    assert {name: row[name] for name in SALES} == SALES
    # blocks without documented content stay JSON; what may name a person does not
    assert json.loads(row["live_distribution_channel"]) == {"feed": 0.4, "nickname": "[personal]"}
    assert row["live_ec_profile"] is None
    assert commit.unknown_fields == ()
    assert {(a.measure, a.value) for a in commit.arrivals} == {
        ("new_watch_uv", 5210),
        ("total_gmv", 1_234_500),
    }


def test_the_documented_empty_sample_is_missing_and_not_zero(weixin, run):
    sessions(weixin, YESTERDAY, "e1")
    empty = dict.fromkeys(("live_dashboard_data", "live_ec_data_summary"), "{}")
    weixin.post(DATA, json=board(**empty))
    _, rows = run("wechat_channels_live", "live_dashboard", window=(YESTERDAY, YESTERDAY))
    assert rows[YESTERDAY][0]["new_watch_uv"] is None
    assert rows[YESTERDAY][0]["total_gmv"] is None


def test_a_day_without_a_session_is_known_to_be_empty(weixin, run):
    sessions(weixin, YESTERDAY)
    commit, rows = run("wechat_channels_live", "live_dashboard", window=(YESTERDAY, YESTERDAY))
    assert (rows, commit.covered_dates) == ({}, (YESTERDAY,))
    assert {a.value for a in commit.arrivals} == {0}


def test_each_day_is_a_list_of_its_own(weixin, run):
    for back in (3, 2, 1):
        sessions(weixin, YESTERDAY - timedelta(back - 1), f"e{back}")
    first = YESTERDAY - timedelta(2)
    _, rows = run("wechat_channels_live", "live_session", window=(first, YESTERDAY))
    assert [rows[day][0]["export_id"] for day in sorted(rows)] == ["e3", "e2", "e1"]


def test_a_list_that_says_there_is_more_is_not_silently_cut(weixin, run):
    sessions(weixin, YESTERDAY, "e1", has_more=True)
    commit, _ = run("wechat_channels_live", "live_session", window=(YESTERDAY, YESTERDAY))
    assert commit.warnings[0].startswith("truncated_list")


def test_an_unknown_counter_is_kept_with_its_path(weixin, run):
    sessions(weixin, YESTERDAY, "e1")
    more = {"summary": SUMMARY | {"like_uv": 7}}
    weixin.post(DATA, json=board(live_dashboard_data=json.dumps(more)))
    commit, _ = run("wechat_channels_live", "live_dashboard", window=(YESTERDAY, YESTERDAY))
    assert commit.unknown_fields == ("live_dashboard_data.summary.like_uv",)


@pytest.mark.parametrize("text", ["{", "[1]", '"x"'])
def test_a_block_that_is_no_object_lands_nothing(weixin, run, text):
    sessions(weixin, YESTERDAY, "e1")
    weixin.post(DATA, json=board(live_ec_data_summary=text))
    with pytest.raises(MalformedAnswerError, match="live_ec_data_summary"):
        run("wechat_channels_live", "live_dashboard", window=(YESTERDAY, YESTERDAY))
