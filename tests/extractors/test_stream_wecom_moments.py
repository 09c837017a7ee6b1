"""Customer moments, on the sample bodies of document 93333."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY
from wecom_answers import API, BEFORE, OK, bodies, everything, says, second

from extractors.core.privacy import Privacy
from extractors.wecom.moments import Moment, MomentComment, MomentRecipient, MomentTask

ONE_DAY = (YESTERDAY, YESTERDAY)
SAMPLE = {
    "moment_id": "momxxx",
    "creator": "xxxx",
    "create_time": second(YESTERDAY),
    "create_type": 1,
    "visible_type": 1,
    "text": {"content": "test"},
    "image": [{"media_id": "WWCISP_xxxxx"}],
    "video": {"media_id": "WWCISP_xxxxx", "thumb_media_id": "WWCISP_xxxxx"},
    "link": {"title": "腾讯网-QQ.COM", "url": "https://www.qq.com"},
    "location": {"latitude": "23.10647", "longitude": "113.32446", "name": "广州市 · 广州塔"},
}


def corp_moment(moment_id="mom1", day=YESTERDAY, **also):
    times = {"create_time": second(day)}
    return {"moment_id": moment_id, "create_type": 0, "visible_type": 1, **times, **also}


def moments(platform, *rows, cursor="", **asked):
    answer = {"moment_list": list(rows), "next_cursor": cursor}
    says(platform, "externalcontact/get_moment_list", answer, **asked)


def tasks(platform, *userids, moment_id="mom1", status=1):
    says(
        platform,
        "externalcontact/get_moment_task",
        {"task_list": [{"userid": userid, "publish_status": status} for userid in userids]},
        moment_id=moment_id,
    )


def test_the_documented_moment_lands_without_text_and_place(wecom, pull_of):
    moments(wecom, SAMPLE)
    commit, rows = pull_of(Moment, window=ONE_DAY)
    [row] = rows[YESTERDAY]
    assert (row["moment_id"], row["create_type"], row["visible_type"]) == ("momxxx", 1, 1)
    assert json.loads(row["content_types"]) == ["image", "video", "link", "location"]
    assert row["link_url"] == "https://www.qq.com"
    assert (row["_extra"], commit.unknown_fields) == (None, ())
    assert not any(text in everything(rows) for text in ("腾讯网", "广州", "23.10647"))


def test_the_interval_is_open_so_it_starts_a_second_early(wecom, pull_of):
    midnight = second(YESTERDAY, 0)
    moments(wecom, corp_moment(create_time=midnight))
    _, rows = pull_of(Moment, window=ONE_DAY)
    [body] = bodies(wecom, "get_moment_list")
    # midnight itself lies inside, the next midnight outside
    assert (body["start_time"], body["end_time"]) == (midnight - 1, midnight + 86400)
    assert len(rows[YESTERDAY]) == 1


def test_windows_stay_within_thirty_days_and_pages_at_twenty(wecom, pull_of):
    for _ in range(2):
        moments(wecom)
    pull_of(Moment, window=(TODAY - timedelta(40), YESTERDAY))
    asked = bodies(wecom, "get_moment_list")
    assert max(body["end_time"] - body["start_time"] for body in asked) <= 30 * 86400
    assert {body["limit"] for body in asked} == {20}


def test_pages_may_be_empty_before_the_end(wecom, pull_of):
    url = f"{API}/get_moment_list"
    for rows, cursor in (([], "a"), ([corp_moment("m1")], "b"), ([corp_moment("m2")], "")):
        wecom.post(url, json={**OK, "moment_list": rows, "next_cursor": cursor})
    _, rows = pull_of(Moment, window=ONE_DAY)
    assert [row["moment_id"] for row in rows[YESTERDAY]] == ["m1", "m2"]


def test_only_moments_of_the_corp_have_tasks(wecom, pull_of):
    moments(wecom, SAMPLE, corp_moment())
    tasks(wecom, "zhangsan")
    commit, rows = pull_of(MomentTask, window=ONE_DAY)
    assert [
        (row["moment_id"], row["userid"], row["publish_status"]) for row in rows[YESTERDAY]
    ] == [("mom1", "zhangsan", 1)]
    assert commit.not_ready_dates == ()


def test_a_moment_still_being_dispatched_leaves_its_day_open(wecom, pull_of):
    moments(wecom, corp_moment())
    wecom.post(f"{API}/get_moment_task", json={"errcode": 41079})
    commit, _ = pull_of(MomentTask, window=ONE_DAY)
    assert commit.not_ready_dates == commit.covered_dates == (YESTERDAY,)


def test_recipients_are_asked_of_those_who_published(wecom, pull_of, settings):
    moments(wecom, SAMPLE, corp_moment())
    says(
        wecom,
        "externalcontact/get_moment_task",
        {
            "task_list": [
                {"userid": "zhangsan", "publish_status": 1},
                {"userid": "lisi", "publish_status": 0},
            ]
        },
    )
    for moment_id, userid in (("mom1", "zhangsan"), ("momxxx", "xxxx")):
        says(
            wecom,
            "externalcontact/get_moment_send_result",
            {"customer_list": [{"external_userid": "woAJ2GCAAAXtWyujaWJHDDGi0mACCCC "}]},
            moment_id=moment_id,
            userid=userid,
        )
    commit, rows = pull_of(MomentRecipient, window=ONE_DAY)
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert {(r["moment_id"], r["userid"], r["external_userid"]) for r in rows[YESTERDAY]} == {
        # the blank that the documented sample has is no part of the id
        ("mom1", "zhangsan", pseudonym("woAJ2GCAAAXtWyujaWJHDDGi0mACCCC")),
        ("momxxx", "xxxx", pseudonym("woAJ2GCAAAXtWyujaWJHDDGi0mACCCC")),
    }
    assert {body["limit"] for body in bodies(wecom, "send_result")} == {5000}
    assert commit.unknown_fields == ()


@pytest.mark.parametrize("code", [41061, 41062, 60111])
def test_a_member_with_nothing_to_tell_is_empty(wecom, pull_of, code):
    moments(wecom, corp_moment())
    tasks(wecom, "zhangsan")
    wecom.post(f"{API}/get_moment_send_result", json={"errcode": code})
    commit, rows = pull_of(MomentRecipient, window=ONE_DAY)
    assert (rows, commit.covered_dates, commit.not_ready_dates) == ({}, (YESTERDAY,), ())


COMMENTS = {
    "comment_list": [
        {"external_userid": "woAJ2GCAAAXtWyujaWJHDDGi0mACAAAA ", "create_time": 1605172726},
        {"userid": "zhangshan ", "create_time": 1605172729},
    ],
    "like_list": [
        {"external_userid": "woAJ2GCAAAXtWyujaWJHDDGi0mACBBBB ", "create_time": 1605172726},
        {"userid": "zhangshan ", "create_time": 1605172720},
    ],
}


def test_the_documented_comments_and_likes_land_without_blanks(wecom, pull_of, settings):
    moments(wecom, SAMPLE)
    says(wecom, "externalcontact/get_moment_comments", COMMENTS, moment_id="momxxx", userid="xxxx")
    commit, rows = pull_of(MomentComment, window=ONE_DAY)
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert {(r["interaction"], r["actor_type"], r["actor_id"]) for r in rows[YESTERDAY]} == {
        ("comment", "customer", pseudonym("woAJ2GCAAAXtWyujaWJHDDGi0mACAAAA")),
        ("comment", "staff", "zhangshan"),
        ("like", "customer", pseudonym("woAJ2GCAAAXtWyujaWJHDDGi0mACBBBB")),
        ("like", "staff", "zhangshan"),
    }
    times = {r["create_time"] for r in rows[YESTERDAY] if r["interaction"] == "comment"}
    assert datetime.fromtimestamp(1605172726, UTC) in times
    assert commit.unknown_fields == ()
    assert "woAJ2G" not in everything(rows)


def test_a_comment_given_twice_is_one(wecom, pull_of):
    moments(wecom, SAMPLE)
    one = {"external_userid": "wm1", "create_time": 1605172726}
    says(wecom, "externalcontact/get_moment_comments", {"comment_list": [one, one]})
    commit, rows = pull_of(MomentComment, window=ONE_DAY)
    assert len(rows[YESTERDAY]) == 1
    assert commit.duplicate_rows == 1


def test_comments_are_carried_over_between_the_young_days_and_the_last(platform, pull_of):
    asked = {}
    for age in range(2, 8):
        platform.reset()
        platform.assert_all_requests_are_fired = False
        platform.get(f"{BASE}/cgi-bin/gettoken", json={**OK, "access_token": f"t{age}"})
        moments(platform, {**SAMPLE, "create_time": second(BEFORE)})
        likes = COMMENTS["like_list"] if age == 7 else []
        answer = {"comment_list": COMMENTS["comment_list"], "like_list": likes}
        says(platform, "externalcontact/get_moment_comments", answer)
        _, rows = pull_of(MomentComment, as_of=AS_OF + timedelta(age - 2))
        asked[age] = len(bodies(platform, "get_moment_comments"))
        assert len(rows[BEFORE]) == 2 + len(likes)
    assert asked == {2: 1, 3: 1, 4: 0, 5: 0, 6: 0, 7: 1}
