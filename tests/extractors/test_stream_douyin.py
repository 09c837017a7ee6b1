"""Douyin: two envelopes, numbers as text, trailing windows, ids that need encoding, renewals."""

from datetime import date, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from responses.matchers import header_matcher, query_param_matcher
from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY

from extractors.core.errors import ApiError, AuthenticationError, MalformedAnswerError
from siyu.calendar import days
from siyu.errors import UsageError

REFRESH, RENEW = f"{BASE}/oauth/refresh_token/", f"{BASE}/oauth/renew_refresh_token/"
VIDEOS = f"{BASE}/api/douyin/v1/video/video_list/"
ITEM, USER = f"{BASE}/data/external/item", f"{BASE}/data/external/user"
FANS = f"{BASE}/api/douyin/v1/user/fans_data/"
# as the documentation shows one: encrypted, with characters that an address cannot hold
ITEM_ID = (
    "@8hxdhauTCMppanGnM4ltGM780mDqPP+KPpR0qQOmLVAXb/T060zdRmYqig357zEBq6CZRp4NVe6qLIJW/V/x1w=="
)
BEFORE = YESTERDAY - timedelta(1)
DAY_S = 86_400


def good(**data):
    """An answer as the documentation's samples spell it: codes as text, now in milliseconds."""
    return {
        "data": {"error_code": "0", "description": "", **data},
        "extra": {
            "error_code": "0",
            "description": "",
            "sub_error_code": "0",
            "sub_description": "",
            "logid": "202008121419360101980821035705926A",
            "now": "1597213176393",
        },
    }


def bad(code=0, extra=0, sub=0):
    return {
        "data": {"error_code": code, "description": "no"},
        "extra": {"error_code": extra, "sub_error_code": sub, "logid": "x", "now": 1597213176393},
    }


def token(access="tok-1", expires_in=15 * DAY_S, refresh="r3fresh", refresh_expires_in=30 * DAY_S):
    return {
        "data": {
            "access_token": access,
            "expires_in": str(expires_in),
            "refresh_token": refresh,
            "refresh_expires_in": str(refresh_expires_in),
            "open_id": "oid-1",
            "scope": "video.list.bind,data.external.item",
            "error_code": "0",
            "description": "",
        },
        "message": "success",
    }


@pytest.fixture
def douyin(platform):
    platform.post(REFRESH, json=token())
    return platform


def video(item_id=ITEM_ID, made=AS_OF - timedelta(days=3), **statistics):
    return {
        "item_id": item_id,
        "video_id": "7012345678901234567",
        "title": "三步护肤教程",
        "cover": "https://p3.example.com/cover.jpg",
        "create_time": int(made.timestamp()),
        "is_reviewed": True,
        "is_top": False,
        "media_type": 4,
        "video_status": "5",
        "share_url": "https://www.iesdouyin.com/share/video/7012345678901234567",
        "statistics": {
            "digg_count": "200",
            "comment_count": 20,
            "play_count": "300",
            "share_count": 5,
            "download_count": 0,
            "forward_count": 1,
            **statistics,
        },
    }


def listing(platform, *videos):
    platform.get(VIDEOS, json=good(list=list(videos), cursor=0, has_more=False))


def series(platform, metric, values, *, item_id=ITEM_ID, url=ITEM, window=7):
    """One series; `values` by day, as text."""
    question = {"open_id": "oid-1", "date_type": str(window)}
    if item_id:
        question["item_id"] = item_id
    items = [{"date": str(day), **item} for day, item in values.items()]
    platform.get(
        f"{url}/{metric}/", json=good(result_list=items), match=[query_param_matcher(question)]
    )


def all_series(platform, values, **also):
    """The four series of a video: {day: (play, like, comment, share)}."""
    for position, metric in enumerate(("play", "like", "comment", "share")):
        found = {
            day: {metric: str(figures[position])}
            for day, figures in values.items()
            if figures[position] is not None
        }
        series(platform, metric, found, **also)


def values_of(commit):
    return {(a.event_date, a.measure): a.value for a in commit.arrivals}


# ------------------------------------------------------------------------------ list of videos
def test_numbers_may_come_as_text_and_statistics_are_to_date(douyin, run):
    listing(douyin, video())
    commit, rows = run("douyin", "video")
    [row] = rows[TODAY]
    assert (row["item_id"], row["play_count"], row["digg_count"]) == (ITEM_ID, 300, 200)
    assert (row["video_status"], row["media_type"], row["is_reviewed"]) == (5, 4, True)
    assert commit.unknown_fields == ()
    assert "cover" not in row


def test_the_cursor_goes_back_unchanged_until_there_is_no_more(douyin, run):
    for cursor, item_id, following, more in (
        (0, "a", 1640000000000, True),
        (1640000000000, "b", 1630000000000, True),
        (1630000000000, "a", 0, False),
    ):
        douyin.get(
            VIDEOS,
            json=good(list=[video(item_id)], cursor=following, has_more=more),
            match=[
                query_param_matcher({"open_id": "oid-1", "cursor": str(cursor), "count": "20"}),
                header_matcher({"access-token": "tok-1"}),
            ],
        )
    _, rows = run("douyin", "video")
    assert [row["item_id"] for row in rows[TODAY]] == ["a", "b"], "one that shifted counts once"


@pytest.mark.parametrize("wrong", [bad(code="2190004"), bad(extra=2190004), bad(sub="2190004")])
def test_success_needs_every_code_of_both_envelopes(douyin, run, wrong):
    douyin.get(VIDEOS, json=wrong)
    with pytest.raises(ApiError, match=r"2190004.*lacks the scope"):
        run("douyin", "video")


@pytest.mark.parametrize("strange", [{}, {"data": {"error_code": 0}}, {"data": None, "extra": {}}])
def test_an_answer_without_both_envelopes_is_no_success(douyin, run, strange):
    douyin.get(VIDEOS, json=strange)
    with pytest.raises(MalformedAnswerError):
        run("douyin", "video")


@pytest.mark.parametrize("code", [28001005, 2100004])
def test_a_busy_platform_is_asked_again(douyin, run, clocks, code):
    douyin.get(VIDEOS, json=bad(code=code))
    listing(douyin, video())
    commit, _ = run("douyin", "video")
    assert (commit.rows, len(clocks[-1].slept)) == (1, 1)


# ---------------------------------------------------------------------------------------- tokens
@pytest.mark.parametrize("code", [2190008, 2190002, 28001003, 28001008, 10008])
def test_a_dead_token_is_refreshed_once_by_form(platform, run, code):
    platform.post(REFRESH, json=token("old"))
    platform.get(VIDEOS, json=bad(code=code), match=[header_matcher({"access-token": "old"})])
    platform.post(REFRESH, json=token("new"))
    platform.get(
        VIDEOS,
        json=good(list=[], cursor=0, has_more=False),
        match=[header_matcher({"access-token": "new"})],
    )
    run("douyin", "video")
    sent = platform.calls[0].request
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(sent.body.decode())) == {
        "client_key": "ck1",
        "grant_type": "refresh_token",
        "refresh_token": "r3fresh",
    }


def calls(platform, url):
    return [
        dict(parse_qsl(c.request.body.decode())) for c in platform.calls if c.request.url == url
    ]


def test_a_refresh_token_is_renewed_before_it_ends_and_the_new_one_is_used(platform, run):
    platform.post(REFRESH, json=token("first"))
    listing(platform, video())
    run("douyin", "video", as_of=AS_OF - timedelta(days=15))
    assert calls(platform, RENEW) == []
    # the access token's 15 days are over, and the refresh token would not see the next 15
    platform.post(
        RENEW,
        json={
            "data": {"refresh_token": "r-new", "expires_in": "2592000", "error_code": 0},
            "message": "success",
        },
    )
    run("douyin", "video")
    assert calls(platform, RENEW) == [{"client_key": "ck1", "refresh_token": "r3fresh"}]
    assert calls(platform, REFRESH)[-1]["refresh_token"] == "r-new"


def test_the_sixth_renewal_is_refused_and_said_while_there_is_time(platform, run):
    platform.post(REFRESH, json=token("first"))
    listing(platform, video())
    run("douyin", "video", as_of=AS_OF - timedelta(days=15))
    platform.post(RENEW, json={"data": {"error_code": 10020}, "message": "error"})
    commit, _ = run("douyin", "video")
    assert commit.rows == 1
    assert commit.warnings[0].startswith("authorisation_ends")
    assert "10020" in commit.warnings[0]


def test_an_ended_refresh_token_asks_for_a_new_authorisation(platform, run):
    platform.post(REFRESH, json={"data": {"error_code": "10010"}, "message": "error"})
    with pytest.raises(AuthenticationError, match="authorise the app again") as caught:
        run("douyin", "video")
    assert "SIYU_SECRET_DOUYIN_DY_MAIN" in str(caught.value)
    assert "r3fresh" not in str(caught.value)


# ------------------------------------------------------------------------------- videos by day
def test_an_item_id_is_encoded_once(douyin, run):
    listing(douyin, video())
    all_series(douyin, {YESTERDAY: (10, 2, 1, 0)})
    run("douyin", "video_daily", window=(YESTERDAY, YESTERDAY))
    asked = [c.request.url for c in douyin.calls if "/item/play/" in c.request.url]
    assert parse_qs(urlsplit(asked[0]).query)["item_id"] == [ITEM_ID]
    assert "%2B" in asked[0]
    assert "%3D%3D" in asked[0]
    assert "+" not in urlsplit(asked[0]).query


def test_four_series_become_one_row_a_video_and_day(douyin, run):
    listing(douyin, video())
    all_series(douyin, {BEFORE: (100, 9, 3, 1), YESTERDAY: (50, 4, 0, 2)})
    commit, rows = run("douyin", "video_daily", window=(BEFORE, YESTERDAY))
    [row] = rows[YESTERDAY]
    assert {k: row[k] for k in ("play", "like", "comment", "share")} == {
        "play": 50,
        "like": 4,
        "comment": 0,
        "share": 2,
    }
    assert values_of(commit)[BEFORE, "play"] == 100
    assert (commit.unknown_fields, commit.not_ready_dates) == ((), ())


@pytest.mark.parametrize(("back", "window"), [(7, 7), (8, 15), (15, 15), (16, 30), (30, 30)])
def test_the_shortest_trailing_window_that_reaches_the_day_is_asked_for(douyin, run, back, window):
    day = TODAY - timedelta(back)
    listing(douyin, video(made=AS_OF - timedelta(days=29.9)))
    all_series(douyin, {day: (1, 1, 1, 1), YESTERDAY: (7, 7, 7, 7)}, window=window)
    _, rows = run("douyin", "video_daily", window=(day, day))
    # the window is returned whole; only what was asked for is landed
    assert rows.keys() == {day}


def test_no_trailing_window_reaches_further_than_thirty_days(run):
    with pytest.raises(UsageError, match="keeps this stream from 2026-03-15 on"):
        run("douyin", "video_daily", window=(TODAY - timedelta(31), YESTERDAY))


def test_a_missing_date_is_not_computed_yet_and_not_zero(douyin, run):
    listing(douyin, video())
    all_series(douyin, {BEFORE: (100, 9, 3, 1)})
    commit, rows = run("douyin", "video_daily", window=(BEFORE, YESTERDAY))
    assert rows.keys() == {BEFORE}
    assert (commit.covered_dates, commit.not_ready_dates) == ((BEFORE,), (YESTERDAY,))


def test_a_series_that_lags_behind_leaves_a_null_and_an_open_day(douyin, run):
    listing(douyin, video())
    all_series(douyin, {YESTERDAY: (50, None, 0, 2)})
    commit, rows = run("douyin", "video_daily", window=(YESTERDAY, YESTERDAY))
    assert rows[YESTERDAY][0]["like"] is None
    assert (commit.covered_dates, commit.not_ready_dates) == ((YESTERDAY,), (YESTERDAY,))


def test_a_video_past_thirty_days_is_not_asked_for_and_its_days_are_carried_over(platform, run):
    platform.post(REFRESH, json=token())
    old, young = AS_OF - timedelta(days=29.5), AS_OF - timedelta(days=4)
    listing(platform, video("old", old), video("young", young))
    for item_id, plays in (("old", 7), ("young", 50)):
        all_series(platform, {BEFORE: (plays, 1, 1, 1)}, item_id=item_id, window=7)
    run("douyin", "video_daily", window=(BEFORE, BEFORE))
    for metric in ("play", "like", "comment", "share"):
        platform.remove("GET", f"{ITEM}/{metric}/")
    all_series(platform, {BEFORE: (55, 1, 1, 1)}, item_id="young", window=7)
    # a day later `old` is past thirty days: the platform tells nothing of it
    commit, rows = run(
        "douyin", "video_daily", window=(BEFORE, BEFORE), as_of=AS_OF + timedelta(days=1)
    )
    assert {row["item_id"]: row["play"] for row in rows[BEFORE]} == {"old": 7, "young": 55}
    assert values_of(commit)[BEFORE, "play"] == 62


def test_days_without_any_video_are_known_to_be_empty(douyin, run):
    listing(douyin)
    commit, rows = run("douyin", "video_daily", window=(YESTERDAY, YESTERDAY))
    assert (rows, commit.covered_dates) == ({}, (YESTERDAY,))


def test_base_figures_are_an_object_and_only_of_young_videos(douyin, run):
    listing(douyin, video(), video("old", AS_OF - timedelta(days=31)), video("new", AS_OF))
    result = {
        "total_play": "1200",
        "total_like": "200",
        "total_comment": "30",
        "total_share": 4,
        "avg_play_duration": "12.5",
    }
    for item_id, answer in ((ITEM_ID, good(result=result)), ("new", good())):
        douyin.get(
            f"{ITEM}/base/",
            json=answer,
            match=[query_param_matcher({"open_id": "oid-1", "item_id": item_id})],
        )
    commit, rows = run("douyin", "video_base")
    [row] = rows[TODAY]
    assert (row["item_id"], row["total_play"], row["avg_play_duration"]) == (ITEM_ID, 1200, 12.5)
    assert commit.unknown_fields == ()


# ------------------------------------------------------------------------------------ the account
def account_series(platform, values, **also):
    for metric, names in (
        ("fans", ("total_fans", "new_fans")),
        ("item", ("new_issue", "total_issue", "new_play")),
        ("like", ("new_like",)),
        ("comment", ("new_comment",)),
        ("share", ("new_share",)),
        ("profile", ("profile_uv",)),
    ):
        found = {day: {n: str(figures[n]) for n in names} for day, figures in values.items()}
        series(platform, metric, found, item_id=None, url=USER, **also)


FIGURES = {
    "total_fans": 12000,
    "new_fans": -3,
    "new_issue": 1,
    "total_issue": 88,
    "new_play": 5000,
    "new_like": 200,
    "new_comment": 10,
    "new_share": 5,
    "profile_uv": 40,
}


def test_six_series_become_one_row_a_day_and_fans_may_shrink(douyin, run):
    account_series(douyin, {YESTERDAY: FIGURES})
    commit, rows = run("douyin", "account_daily", window=(YESTERDAY, YESTERDAY))
    [row] = rows[YESTERDAY]
    assert {name: row[name] for name in FIGURES} == FIGURES
    assert row["date"] == YESTERDAY
    assert (commit.unknown_fields, commit.requests) == ((), 7)


def test_a_day_that_the_account_has_no_figures_of_is_not_ready(douyin, run):
    account_series(douyin, {BEFORE: FIGURES})
    commit, rows = run("douyin", "account_daily", window=(BEFORE, YESTERDAY))
    assert rows.keys() == {BEFORE}
    assert commit.not_ready_dates == (YESTERDAY,)


def test_an_account_below_the_floor_has_no_figures_and_says_so(douyin, run):
    account_series(douyin, {})
    commit, rows = run("douyin", "account_daily", window=(BEFORE, YESTERDAY))
    assert (rows, commit.covered_dates) == ({}, (BEFORE, YESTERDAY))
    assert commit.warnings[0].startswith("no_figures")


def test_the_first_pull_reaches_thirty_days_back(douyin, run):
    all_days = days(TODAY - timedelta(30), YESTERDAY)
    account_series(douyin, dict.fromkeys(all_days, FIGURES), window=30)
    commit, _ = run("douyin", "account_daily")
    assert commit.covered_dates == tuple(all_days)


def test_fans_are_told_by_groups(douyin, run):
    douyin.get(
        FANS,
        json=good(
            fans_data={
                "all_fans_num": "12000",
                "gender_distributions": [
                    {"item": "1", "value": 3000},
                    {"item": "2", "value": 9000},
                ],
                "age_distributions": [{"item": "24-30", "value": "5000"}],
                "flow_contributions": [{"flow": "feed", "fans_sum": 700, "all_sum": 1000}],
            }
        ),
    )
    commit, rows = run("douyin", "fans_profile")
    found = {(r["distribution"], r["item"]): (r["value"], r["all_sum"]) for r in rows[TODAY]}
    assert found == {
        ("gender", "1"): (3000, None),
        ("gender", "2"): (9000, None),
        ("age", "24-30"): (5000, None),
        ("flow", "feed"): (700, 1000),
    }
    assert {r["all_fans_num"] for r in rows[TODAY]} == {12000}
    assert commit.unknown_fields == ()


def test_an_account_with_few_fans_has_no_profile(douyin, run):
    douyin.get(FANS, json=good())
    commit, rows = run("douyin", "fans_profile")
    assert (rows, commit.rows) == ({}, 0)


def test_before_ten_the_day_before_is_not_due(douyin, run):
    account_series(douyin, {date(2026, 4, 12): FIGURES}, window=30)
    commit, _ = run("douyin", "account_daily", as_of=AS_OF.replace(hour=9, minute=59))
    assert commit.last_date == BEFORE
