import json
from datetime import UTC, datetime, timedelta

import pytest
from responses.matchers import json_params_matcher, query_param_matcher
from vendor_accounts import ACCOUNTS, AS_OF, BASE, SECRET, TODAY, YESTERDAY

from extractors.core.errors import ApiError, AuthenticationError
from extractors.core.privacy import Privacy
from siyu.calendar import start_of

API = f"{BASE}/cgi-bin/externalcontact"
CONTACT = {
    "external_userid": "wmqfasd1e19278asdasAAAA",
    "name": "李四",
    "position": "Manager",
    "avatar": "http://p.qlogo.cn/bizmail/IcsdgagqefergqerhewSdage/0",
    "corp_name": "腾讯",
    "corp_full_name": "腾讯科技有限公司",
    "type": 2,
    "gender": 1,
    "unionid": "ozynqsulJFCZ2z1aYeS8h-nuasdAAA",
    "external_profile": {"external_attr": [{"type": 0, "name": "文本", "text": {"value": "x"}}]},
}
FOLLOW = {
    "userid": "rocky",
    "remark": "李部长",
    "description": "对接采购事物",
    "createtime": 1525779812,
    "tag_id": ["etAJ2GCAAAXtWyujaWJHDDGi0mACHAAA"],
    "remark_corp_name": "腾讯科技",
    "remark_mobiles": ["13800000001", "13000000002"],
    "oper_userid": "rocky",
    "add_way": 10,
    "wechat_channels": {"nickname": "视频号名称", "source": 1},
    "state": "official_account",
}


def staff(platform, *userids, **also):
    platform.get(f"{API}/get_follow_user_list", json={"errcode": 0, "follow_user": list(userids)})


def customers(platform, answer, **asked):
    platform.post(
        f"{API}/batch/get_by_user", json=answer, match=[json_params_matcher(asked)] if asked else []
    )


def page(*elements, cursor=""):
    return {
        "errcode": 0,
        "next_cursor": cursor,
        "external_contact_list": [
            {"external_contact": contact, "follow_info": follow} for contact, follow in elements
        ],
    }


def test_the_documented_customer_lands_typed_and_without_anything_personal(wecom, run, settings):
    staff(wecom, "rocky")
    customers(wecom, page((CONTACT, FOLLOW)))
    commit, rows = run("wecom", "customer")
    [row] = rows[TODAY]
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert row["external_userid"] == pseudonym("wmqfasd1e19278asdasAAAA")
    assert row["unionid"] == pseudonym("ozynqsulJFCZ2z1aYeS8h-nuasdAAA")
    assert row["createtime"] == datetime.fromtimestamp(1525779812, UTC)
    assert (row["userid"], row["add_way"], row["state"]) == ("rocky", 10, "official_account")
    assert json.loads(row["tag_ids"]) == ["etAJ2GCAAAXtWyujaWJHDDGi0mACHAAA"]
    assert row["_extra"] is None
    assert commit.unknown_fields == ()
    everything = json.dumps(row, default=str, ensure_ascii=False)
    for personal in (
        "李四",
        "李部长",
        "1380000",
        "qlogo",
        "采购",
        "腾讯",
        "视频号",
        "Manager",
        "wmqfasd1e19278asdasAAAA",
        "ozynqsul",
    ):
        assert personal not in everything


def test_an_unknown_field_is_kept_and_named_and_a_personal_one_only_named(wecom, run):
    staff(wecom, "rocky")
    customers(
        wecom,
        page(
            (
                {**CONTACT, "level": {"rank": 3, "nick_name": "老李"}},
                {**FOLLOW, "home_phone": "010-1"},
            )
        ),
    )
    commit, rows = run("wecom", "customer")
    assert commit.unknown_fields == ("home_phone", "level")
    extra = json.loads(rows[TODAY][0]["_extra"])
    assert extra["level"] == {"rank": 3, "nick_name": "[personal]"}
    assert "010-1" not in rows[TODAY][0]["_extra"]


def test_a_relation_that_the_customer_started_does_not_land_the_customers_id(wecom, run):
    staff(wecom, "rocky")
    customers(wecom, page((CONTACT, {**FOLLOW, "oper_userid": CONTACT["external_userid"]})))
    _, rows = run("wecom", "customer")
    assert rows[TODAY][0]["oper_userid"] == "customer"


def test_customers_are_read_over_short_and_empty_pages(wecom, run):
    staff(wecom, "rocky")
    ask = {"userid_list": ["rocky"], "limit": 100}
    other = {**CONTACT, "external_userid": "wm2"}
    customers(wecom, page((CONTACT, FOLLOW), cursor="c1"), **ask)
    customers(wecom, page(cursor="c2"), **ask, cursor="c1")
    customers(wecom, page((other, FOLLOW)), **ask, cursor="c2")
    commit, rows = run("wecom", "customer")
    assert len(rows[TODAY]) == 2
    assert commit.rows == 2


def test_a_member_without_customers_is_empty_and_does_not_hide_the_others(wecom, run):
    staff(wecom, *[f"s{n}" for n in range(5)])  # two at a time
    for group in (["s0", "s1"], ["s2", "s3"], ["s4"]):
        customers(
            wecom, {"errcode": 84061, "external_contact_list": []}, userid_list=group, limit=100
        )
    for userid in ("s0", "s1", "s2", "s3"):
        answer = (
            page((CONTACT, {**FOLLOW, "userid": userid})) if userid == "s1" else {"errcode": 84061}
        )
        customers(wecom, answer, userid_list=[userid], limit=100)
    _, rows = run("wecom", "customer")
    assert [row["userid"] for row in rows[TODAY]] == ["s1"]


def test_a_pair_without_its_key_is_rejected_and_counted(wecom, run, settings):
    staff(wecom, "rocky")
    nameless = {key: value for key, value in CONTACT.items() if key != "external_userid"}
    customers(wecom, page((CONTACT, FOLLOW), (nameless, FOLLOW)))
    commit, rows = run("wecom", "customer")
    assert (len(rows[TODAY]), commit.rejected_rows) == (1, 1)
    assert any(w.startswith("rejected_rows") for w in commit.warnings)


def behaviour(platform, userid, elements, first=None, last=None):
    asked = {"userid": [userid]}
    if first:
        asked |= {
            "start_time": int(start_of(first).timestamp()),
            "end_time": int(start_of(last).timestamp()),
        }
    platform.post(
        f"{API}/get_user_behavior_data",
        json={"errcode": 0, "behavior_data": elements},
        match=[json_params_matcher(asked, strict_match=bool(first))],
    )


def stat(day, **counters):
    return {"stat_time": int(start_of(day).timestamp()), **counters}


FULL = {
    "chat_cnt": 2,
    "message_cnt": 60,
    "reply_percentage": 60.25,
    "avg_reply_time": 1,
    "negative_feedback_cnt": 0,
    "new_apply_cnt": 6,
    "new_contact_cnt": 5,
}


def test_behaviour_is_asked_for_one_member_at_a_time(wecom, run):
    staff(wecom, "a", "b")
    for userid in "ab":
        behaviour(wecom, userid, [stat(YESTERDAY, **FULL)], YESTERDAY, YESTERDAY)
    commit, rows = run("wecom", "user_behavior", window=(YESTERDAY, YESTERDAY))
    assert [row["userid"] for row in rows[YESTERDAY]] == ["a", "b"]
    assert rows[YESTERDAY][0]["reply_percentage"] == 60.25
    assert {(a.measure, a.value) for a in commit.arrivals} == {
        ("rows", 2),
        ("message_cnt", 120),
        ("new_contact_cnt", 10),
    }
    assert commit.not_ready_dates == ()


def test_a_day_without_chats_has_zeros_and_no_reply_figures(wecom, run):
    staff(wecom, "a")
    quiet = {
        "chat_cnt": 0,
        "message_cnt": "0",
        "negative_feedback_cnt": 0,
        "new_apply_cnt": 0,
        "new_contact_cnt": 0,
    }
    behaviour(wecom, "a", [stat(YESTERDAY, **quiet)])
    _, rows = run("wecom", "user_behavior", window=(YESTERDAY, YESTERDAY))
    assert rows[YESTERDAY][0]["message_cnt"] == 0
    assert rows[YESTERDAY][0]["reply_percentage"] is None


def test_missing_counters_mean_not_ready_never_zero(wecom, run):
    staff(wecom, "a")
    behaviour(wecom, "a", [stat(YESTERDAY)])
    commit, rows = run("wecom", "user_behavior", window=(YESTERDAY, YESTERDAY))
    assert rows == {}
    assert (commit.covered_dates, commit.not_ready_dates) == ((), (YESTERDAY,))
    assert commit.arrivals == ()


def test_a_day_that_lacks_some_members_lands_and_stays_open(wecom, run):
    staff(wecom, "a", "b")
    behaviour(wecom, "a", [stat(YESTERDAY, **FULL)])
    behaviour(wecom, "b", [stat(YESTERDAY)])
    commit, rows = run("wecom", "user_behavior", window=(YESTERDAY, YESTERDAY))
    assert [row["userid"] for row in rows[YESTERDAY]] == ["a"]
    assert commit.covered_dates == commit.not_ready_dates == (YESTERDAY,)


def test_a_single_missing_counter_is_null(wecom, run):
    staff(wecom, "a")
    behaviour(wecom, "a", [stat(YESTERDAY, message_cnt=3)])
    _, rows = run("wecom", "user_behavior", window=(YESTERDAY, YESTERDAY))
    assert (rows[YESTERDAY][0]["message_cnt"], rows[YESTERDAY][0]["chat_cnt"]) == (3, None)


def test_windows_hold_at_most_thirty_days(wecom, run):
    first, last = TODAY - timedelta(45), YESTERDAY
    middle = first + timedelta(29)
    staff(wecom, "a")
    behaviour(wecom, "a", [stat(first, **FULL)], first, middle)
    behaviour(wecom, "a", [stat(last, **FULL)], middle + timedelta(1), last)
    commit, rows = run("wecom", "user_behavior", window=(first, last))
    assert set(rows) == {first, last}
    assert len(commit.not_ready_dates) == 43  # listed by nobody: not known to be zero


def test_a_member_who_left_meanwhile_is_skipped_with_a_warning(wecom, run):
    staff(wecom, "a", "gone")
    behaviour(wecom, "a", [stat(YESTERDAY, **FULL)])
    wecom.post(
        f"{API}/get_user_behavior_data",
        json={"errcode": 60111},
        match=[json_params_matcher({"userid": ["gone"]}, strict_match=False)],
    )
    commit, rows = run("wecom", "user_behavior", window=(YESTERDAY, YESTERDAY))
    assert len(rows[YESTERDAY]) == 1
    assert commit.warnings == ("member_skipped: gone answered with code 60111",)


def test_group_statistics_are_asked_for_one_owner_at_a_time(wecom, run):
    staff(wecom, "a", "b")
    data = {
        "new_chat_cnt": 2,
        "chat_total": 2,
        "chat_has_msg": 0,
        "new_member_cnt": 0,
        "member_total": 6,
        "member_has_msg": 0,
        "msg_total": 7,
        "migrate_trainee_chat_cnt": 3,
    }
    for owner in "ab":
        wecom.post(
            f"{API}/groupchat/statistic_group_by_day",
            match=[
                json_params_matcher({"owner_filter": {"userid_list": [owner]}}, strict_match=False)
            ],
            json={
                "errcode": 0,
                "items": [{"stat_time": stat(YESTERDAY)["stat_time"], "data": data}],
            },
        )
    commit, rows = run("wecom", "group_statistic", window=(YESTERDAY, YESTERDAY))
    assert [(r["owner"], r["member_total"], r["_extra"]) for r in rows[YESTERDAY]] == [
        ("a", 6, None),
        ("b", 6, None),
    ]
    assert ("msg_total", 14) in {(a.measure, a.value) for a in commit.arrivals}


def test_groups_are_listed_with_a_limit_and_a_cursor(wecom, run):
    url = f"{API}/groupchat/list"
    wecom.post(
        url,
        json={
            "errcode": 0,
            "next_cursor": "n",
            "group_chat_list": [{"chat_id": "wr1", "status": 0}],
        },
        match=[json_params_matcher({"limit": 1000})],
    )
    wecom.post(
        url,
        json={"errcode": 0, "group_chat_list": [{"chat_id": "wr2", "status": 1}]},
        match=[json_params_matcher({"limit": 1000, "cursor": "n"})],
    )
    _, rows = run("wecom", "group_chat")
    assert [(r["chat_id"], r["status"]) for r in rows[TODAY]] == [("wr1", 0), ("wr2", 1)]


@pytest.mark.parametrize("code", [40014, 42001, 40001])
def test_a_refused_token_is_replaced_once_and_the_call_repeated_once(platform, run, code):
    for token in ("old", "new"):
        platform.get(
            f"{BASE}/cgi-bin/gettoken",
            json={"errcode": 0, "access_token": token, "expires_in": 7200},
        )
    url = f"{API}/get_follow_user_list"
    platform.get(url, json={"errcode": code}, match=[query_param_matcher({"access_token": "old"})])
    platform.get(
        url,
        json={"errcode": 0, "follow_user": ["a"]},
        match=[query_param_matcher({"access_token": "new"})],
    )
    _, rows = run("wecom", "follow_user")
    assert [row["userid"] for row in rows[TODAY]] == ["a"]


def test_a_token_refused_twice_is_an_error(platform, run):
    for token in ("old", "new"):
        platform.get(
            f"{BASE}/cgi-bin/gettoken",
            json={"errcode": 0, "access_token": token, "expires_in": 7200},
        )
    for _ in range(2):
        platform.get(f"{API}/get_follow_user_list", json={"errcode": 40014})
    with pytest.raises(ApiError, match="40014"):
        run("wecom", "follow_user")


@pytest.mark.parametrize("code", [40001, 40013])
def test_a_wrong_secret_says_where_it_is_kept_and_not_what_it_is(platform, run, code):
    platform.get(f"{BASE}/cgi-bin/gettoken", json={"errcode": code, "errmsg": f"no {SECRET}"})
    with pytest.raises(AuthenticationError) as caught:
        run("wecom", "follow_user")
    assert str(code) in str(caught.value)
    assert "SIYU_SECRET_WECOM_CORP_MAIN" in caught.value.action
    assert SECRET not in str(caught.value)
    assert caught.value.exit_code == 1


def test_an_untrusted_ip_says_what_to_do(wecom, run):
    wecom.get(f"{API}/get_follow_user_list", json={"errcode": 60020})
    with pytest.raises(ApiError, match=r"60020.*可信IP"):
        run("wecom", "follow_user")


def test_an_answer_of_another_shape_is_named_and_nothing_is_committed(wecom, run, settings):
    staff(wecom, "a")
    customers(wecom, {"errcode": 0, "external_contact_list": [{"contact": {}}]})
    from siyu.errors import SiyuError

    with pytest.raises(SiyuError, match="shape of the contract"):
        run("wecom", "customer")
    assert not list((settings.root / "landing").rglob("*.parquet"))


def test_an_account_without_corpid_says_so(run):
    from dataclasses import replace

    from siyu.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="corpid"):
        run("wecom", "follow_user", account=replace(ACCOUNTS["wecom"], options={}))


def test_a_second_snapshot_of_a_day_is_not_due(wecom, run):
    staff(wecom, "a")
    run("wecom", "follow_user")
    commit, _ = run("wecom", "follow_user", as_of=AS_OF + timedelta(hours=2))
    assert commit is None
