"""Daily statistics of an official account: new endpoints, windows, delays, totals among details."""

import json
from datetime import date, timedelta

import pytest
from responses.matchers import json_params_matcher
from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY

from extractors.core.errors import ApiError, UnreachableError
from extractors.registry import get_stream
from extractors.wechat_oa import NOT_EXTRACTED, STREAMS
from siyu.calendar import days
from siyu.errors import UsageError

BEFORE = YESTERDAY - timedelta(1)


def url(stream):
    return BASE + get_stream("wechat_oa", stream).endpoint


def asked(platform, path="/datacube/"):
    return [
        (body["begin_date"], body["end_date"])
        for body in (json.loads(c.request.body) for c in platform.calls if path in c.request.url)
    ]


def window(first, last):
    return [json_params_matcher({"begin_date": str(first), "end_date": str(last)})]


def sources(total, **scenes):
    return [{"user_count": total, "scene_desc": "全部"}] + [
        {"user_count": count, "scene_desc": scene} for scene, count in scenes.items()
    ]


def test_reads_of_a_day_keep_the_scenes_apart_from_their_total(weixin, run):
    detail = {"read_user": 12, "read_user_source": sources(12, 公众号消息=7, 朋友圈=5)}
    weixin.post(
        url("article_read"),
        # success has no errcode; msgid is no number
        json={
            "is_delay": False,
            "list": [{"ref_date": str(YESTERDAY), "msgid": "2650000001_1", "detail": detail}],
        },
        match=window(YESTERDAY, YESTERDAY),
    )
    commit, rows = run("wechat_oa", "article_read", window=(YESTERDAY, YESTERDAY))
    [row] = rows[YESTERDAY]
    assert (row["msgid"], row["read_user"], row["is_delay"]) == ("2650000001_1", 12, False)
    assert len(json.loads(row["read_user_source"])) == 3
    assert [(a.measure, a.value) for a in commit.arrivals] == [("read_user", 12)]
    assert commit.unknown_fields == ()


def test_shares_of_a_day(weixin, run):
    item = {"ref_date": str(YESTERDAY), "msgid": "2650000001_2", "detail": {"share_user": "3"}}
    weixin.post(url("article_share"), json={"is_delay": False, "list": [item]})
    commit, rows = run("wechat_oa", "article_share", window=(YESTERDAY, YESTERDAY))
    assert [(r["msgid"], r["share_user"]) for r in rows[YESTERDAY]] == [("2650000001_2", 3)]
    assert commit.unknown_fields == ()


def test_an_empty_list_is_an_answer_and_no_error(weixin, run):
    weixin.post(url("article_read"), json={"is_delay": False, "list": []})
    commit, rows = run("wechat_oa", "article_read", window=(YESTERDAY, YESTERDAY))
    assert (rows, commit.covered_dates, commit.not_ready_dates) == ({}, (YESTERDAY,), ())
    assert [a.value for a in commit.arrivals] == [0]


@pytest.mark.parametrize(("day", "is_late"), [(YESTERDAY, False), (BEFORE, True)])
def test_is_delay_is_kept_and_a_day_that_stays_delayed_is_not_ready(weixin, run, day, is_late):
    item = {"ref_date": str(day), "msgid": "1_1", "detail": {"read_user": 5}}
    weixin.post(url("article_read"), json={"is_delay": True, "list": [item]})
    commit, rows = run("wechat_oa", "article_read", window=(day, day))
    assert rows[day][0]["is_delay"] is True
    assert commit.covered_dates == (day,)
    assert commit.not_ready_dates == ((day,) if is_late else ())


def summary(day, **also):
    return {
        "ref_date": str(day),
        "detail": {
            "read_user": 900,
            "read_user_source": sources(900, 公众号消息=500, 推荐=400),
            "share_user": 30,
            "zaikan_user": 4,
            "like_user": 9,
            "comment_count": 2,
            "collection_user": 7,
            "redirect_ori_page_user": 1,
            "send_page_count": 2,
            **also,
        },
    }


def test_totals_of_the_account_come_in_windows_of_thirty_days(weixin, run):
    first = TODAY - timedelta(40)
    for start, end in (
        (first, first + timedelta(29)),
        (first + timedelta(30), YESTERDAY),
    ):
        weixin.post(
            url("biz_summary"),
            json={"is_delay": end == YESTERDAY, "list": [summary(d) for d in days(start, end)]},
            match=window(start, end),
        )
    commit, rows = run("wechat_oa", "biz_summary", window=(first, YESTERDAY))
    assert len(rows) == 40
    assert rows[first][0]["send_page_count"] == 2
    # the flag is said of the whole answer: it is kept on its newest day
    assert [day for day, (row,) in rows.items() if row["is_delay"]] == [YESTERDAY]
    assert commit.unknown_fields == ()


def test_a_day_that_the_accounts_series_leaves_out_is_not_ready_and_not_zero(weixin, run):
    weixin.post(url("biz_summary"), json={"is_delay": False, "list": [summary(BEFORE)]})
    commit, rows = run("wechat_oa", "biz_summary", window=(BEFORE, YESTERDAY))
    assert rows.keys() == {BEFORE}
    assert (commit.covered_dates, commit.not_ready_dates) == ((BEFORE,), (YESTERDAY,))


def test_followers_come_and_go_by_source(weixin, run):
    # as in the fixture of a public client: one row per day and source
    weixin.post(
        url("user_summary"),
        json={
            "list": [
                {"ref_date": str(BEFORE), "user_source": 0, "new_user": 0, "cancel_user": 1},
                {"ref_date": str(BEFORE), "user_source": 30, "new_user": 4, "cancel_user": 0},
            ]
        },
        match=window(BEFORE, YESTERDAY),
    )
    commit, rows = run("wechat_oa", "user_summary", window=(BEFORE, YESTERDAY))
    assert [(r["user_source"], r["new_user"], r["cancel_user"]) for r in rows[BEFORE]] == [
        (0, 0, 1),
        (30, 4, 0),
    ]
    # nobody came or went yesterday
    assert commit.covered_dates == (BEFORE, YESTERDAY)
    assert {(a.event_date, a.measure, a.value) for a in commit.arrivals} == {
        (BEFORE, "new_user", 4),
        (BEFORE, "cancel_user", 1),
        (YESTERDAY, "new_user", 0),
        (YESTERDAY, "cancel_user", 0),
    }


@pytest.mark.parametrize("stream", ["user_summary", "user_cumulate", "upstream_message"])
def test_no_window_of_users_is_longer_than_a_week(weixin, run, stream):
    weixin.post(url(stream), json={"list": []})
    first = TODAY - timedelta(16)
    run("wechat_oa", stream, window=(first, YESTERDAY))
    spans = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in asked(weixin)]
    assert sorted((b - a).days + 1 for a, b in spans) == [2, 7, 7]
    assert {d for a, b in spans for d in days(a, b)} == set(days(first, YESTERDAY))


def test_followers_are_a_stock_of_each_day(weixin, run):
    rows_of = [{"ref_date": str(d), "cumulate_user": 1200 + d.day} for d in (BEFORE, YESTERDAY)]
    weixin.post(url("user_cumulate"), json={"list": rows_of})
    commit, rows = run("wechat_oa", "user_cumulate", window=(BEFORE, YESTERDAY))
    assert [rows[d][0]["cumulate_user"] for d in (BEFORE, YESTERDAY)] == [1212, 1213]
    assert {a.value for a in commit.arrivals} == {1212, 1213}


def test_messages_to_the_account_by_type(weixin, run):
    item = {"ref_date": str(YESTERDAY), "msg_type": 1, "msg_user": 282, "msg_count": 817}
    weixin.post(url("upstream_message"), json={"list": [item]})
    commit, rows = run("wechat_oa", "upstream_message", window=(YESTERDAY, YESTERDAY))
    [row] = rows[YESTERDAY]
    assert (row["msg_type"], row["msg_user"], row["msg_count"]) == (1, 282, 817)
    assert commit.unknown_fields == ()


def test_days_that_are_not_computed_are_left_off_the_end_of_a_window(weixin, run):
    first = YESTERDAY - timedelta(3)
    for last in (YESTERDAY, BEFORE):
        weixin.post(url("user_cumulate"), json={"errcode": 61503}, match=window(first, last))
    there = days(first, BEFORE - timedelta(1))
    weixin.post(
        url("user_cumulate"),
        json={"list": [{"ref_date": str(d), "cumulate_user": 9} for d in there]},
        match=window(first, there[-1]),
    )
    commit, _ = run("wechat_oa", "user_cumulate", window=(first, YESTERDAY))
    assert commit.covered_dates == tuple(there)
    assert commit.not_ready_dates == (BEFORE, YESTERDAY)


def test_another_days_figures_are_named_and_not_landed(weixin, run):
    strange = {"ref_date": "2026-04-01", "msgid": "1_1", "detail": {"read_user": 5}}
    weixin.post(url("article_read"), json={"is_delay": False, "list": [strange]})
    commit, rows = run("wechat_oa", "article_read", window=(YESTERDAY, YESTERDAY))
    assert rows == {}
    assert commit.warnings == ("shifted_day: days nobody asked for: 2026-04-01",)


def test_nothing_is_asked_for_before_the_new_endpoints_begin(run):
    with pytest.raises(UsageError, match="keeps this stream from 2025-11-01 on"):
        run("wechat_oa", "article_read", window=(date(2025, 10, 31), date(2025, 11, 2)))


def test_an_endpoint_taken_offline_is_named(weixin, run):
    weixin.post(url("article_read"), json={"errcode": 47009})
    with pytest.raises(ApiError, match=r"47009.*taken offline"):
        run("wechat_oa", "article_read", window=(YESTERDAY, YESTERDAY))


def test_a_wrong_path_is_not_found_there(weixin, run, monkeypatch):
    stream = type(get_stream("wechat_oa", "article_read"))
    assert all(s.endpoint.startswith("/datacube/") for s in STREAMS), "never /cgi-bin/datacube"
    monkeypatch.setattr(stream, "endpoint", "/cgi-bin/datacube/getarticleread")
    weixin.post(f"{BASE}/cgi-bin/datacube/getarticleread", status=404)
    with pytest.raises(UnreachableError, match="404"):
        run("wechat_oa", "article_read", window=(YESTERDAY, YESTERDAY))


def test_before_eight_the_newest_day_is_not_due(weixin, run):
    weixin.post(url("user_cumulate"), json={"list": []})
    run("wechat_oa", "user_cumulate", as_of=AS_OF.replace(hour=7))
    assert max(last for _, last in asked(weixin)) == str(BEFORE)


def test_legacy_endpoints_are_left_out_with_a_reason():
    legacy = {name for name in NOT_EXTRACTED if name.endswith("_legacy")}
    assert len(legacy) == 4
    assert all("47009" in NOT_EXTRACTED[name] for name in legacy)
