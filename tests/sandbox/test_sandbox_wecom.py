"""The corp's endpoints: happy paths against the truth, and every documented refusal."""

import pandas as pd
import pytest
from sandbox_api import days_between, seconds

DAY = "2026-03-20"


def code(answer: dict) -> int:
    return answer["errcode"]


def test_a_token_stays_the_same_while_it_is_valid_and_then_expires(api):
    api.at(f"{DAY}T10:00")
    first = api.corp_token()
    api.at(f"{DAY}T11:59")
    assert api.corp_token() == first
    assert code(api.get("/cgi-bin/externalcontact/get_follow_user_list", access_token=first)) == 0

    api.at(f"{DAY}T12:00")

    expired = api.get("/cgi-bin/externalcontact/get_follow_user_list", access_token=first)
    assert code(expired) == 42001
    assert api.corp_token() != first


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, 41002),
        ({"corpid": "ww1"}, 41004),
        ({"corpid": "ww1", "corpsecret": "x"}, 40013),
        ({"corpid": "wwsandbox0000000001", "corpsecret": "wrong"}, 40001),
    ],
)
def test_a_wrong_secret_gives_no_token(api, query, expected):
    answer = api.get("/cgi-bin/gettoken", **query)

    assert code(answer) == expected
    assert "access_token" not in answer
    assert f"e={expected}" in answer["errmsg"]


def test_a_call_without_a_known_token_is_refused_with_status_200_and_headers(api):
    path = f"{api.url}/cgi-bin/externalcontact/get_user_behavior_data"
    missing = api.http.post(path, json={})
    unknown = api.http.post(path, json={}, params={"access_token": "made-up"})

    assert missing.status_code == unknown.status_code == 200
    assert missing.headers["error-code"] == "41001"
    assert code(missing.json()) == 41001
    assert unknown.json()["errcode"] == 40014
    assert unknown.json()["behavior_data"] == []


def test_customers_are_those_of_the_truth_page_by_page(api, truth):
    api.at(DAY)
    relations = truth["relations"]
    now = pd.Timestamp(api.now)
    listed = relations[(relations.happened_at <= now) & ~(relations.removed_by_staff_at <= now)]

    found = api.customers(limit=37)

    pairs = {
        (c["external_contact"]["external_userid"], c["follow_info"]["userid"]): c for c in found
    }
    assert len(found) == len(pairs) == len(listed) > 100
    for row in listed.itertuples():
        info = pairs[row.external_userid, row.userid]["follow_info"]
        assert info["createtime"] == int(row.happened_at.timestamp())
        assert info["add_way"] == row.add_way
        assert ("state" in info) == row.has_state
        if row.has_state:
            assert info["state"].split(":")[0] == row.channel_id
            assert len(info["state"]) <= 30
    people = {c["external_contact"]["external_userid"] for c in found}
    with_unionid = {
        c["external_contact"]["external_userid"]
        for c in found
        if "unionid" in c["external_contact"]
    }
    assert 0.9 < len(with_unionid) / len(people) < 0.99


def test_a_customer_who_left_stays_in_the_list_and_one_whom_staff_deleted_goes(api, truth):
    relations = truth["relations"]
    left = relations.dropna(subset="deleted_by_customer_at").iloc[-1]
    removed = relations.dropna(subset="removed_by_staff_at").iloc[-1]

    api.at("2026-05-02")

    assert left.external_userid in api.corp("list", userid=left.userid)["external_userid"]
    gone = api.corp("list", userid=removed.userid)["external_userid"]
    assert removed.external_userid not in gone


def test_page_size_is_clamped_to_100_and_the_default_is_50(api):
    api.at(DAY)
    users = api.staff()

    assert (
        len(
            api.corp("batch/get_by_user", {"userid_list": users, "limit": 1000})[
                "external_contact_list"
            ]
        )
        == 100
    )
    assert len(api.corp("batch/get_by_user", {"userid_list": users})["external_contact_list"]) == 50


def test_a_cursor_is_only_good_for_its_own_filter(api):
    api.at(DAY)
    users = api.staff()
    cursor = api.corp("batch/get_by_user", {"userid_list": users})["next_cursor"]

    other = api.corp("batch/get_by_user", {"userid_list": users[:3], "cursor": cursor})
    made_up = api.corp("batch/get_by_user", {"userid_list": users, "cursor": "abc"})

    assert code(other) == code(made_up) == 50100
    assert code(api.corp("groupchat/list", {"limit": 5, "cursor": "x"})) == 50100


def test_details_of_one_customer_name_every_staff_member(api, truth):
    api.at("2026-05-02")
    both = truth["relations"][lambda r: r.removed_by_staff_at.isna()]
    who = both.external_userid[both.external_userid.duplicated()].iloc[0]

    detail = api.corp("get", external_userid=who)

    assert detail["external_contact"]["external_userid"] == who
    assert {f["userid"] for f in detail["follow_user"]} == set(
        both.userid[both.external_userid == who]
    )
    assert detail["follow_user"][0]["tags"][0]["tag_id"]
    assert code(api.corp("get", external_userid="wmunknown")) == 40096
    assert code(api.corp("get")) == 41035


def test_behaviour_equals_the_truth_and_several_members_give_one_series(api, truth):
    api.at("2026-05-10")  # all revisions are over
    users, days = truth["staff_days"].userid.unique().tolist(), ("2026-04-01", "2026-04-30")

    whole = api.behaviour(users, *days)
    one = api.behaviour(users[:1], *days)

    facts = truth["staff_days"]
    facts = facts[(facts.date.astype(str) >= days[0]) & (facts.date.astype(str) <= days[1])]
    assert [d["stat_time"] for d in whole] == [seconds(d) for d in days_between(*days)]
    for name in (
        "new_apply_cnt",
        "new_contact_cnt",
        "chat_cnt",
        "message_cnt",
        "negative_feedback_cnt",
    ):
        assert [d[name] for d in whole] == facts.groupby("date")[name].sum().tolist()
        assert [d[name] for d in one] == facts[facts.userid == users[0]][name].tolist()
    busy = facts[facts.date.astype(str) == days[0]]
    assert whole[0]["reply_percentage"] == pytest.approx(
        100 * busy.answered.sum() / busy.started_by_customer.sum(), abs=0.01
    )
    assert whole[0]["avg_reply_time"] == round(busy.reply_seconds.sum() / busy.answered.sum() / 60)


def test_a_day_without_chats_has_zeros_and_no_reply_fields(api, truth):
    api.at("2026-05-10")
    quiet = truth["staff_days"][lambda s: s.chat_cnt == 0].iloc[-1]

    day = api.behaviour([quiet.userid], str(quiet.date), str(quiet.date))[0]

    assert day["chat_cnt"] == day["message_cnt"] == 0
    assert "reply_percentage" not in day
    assert "avg_reply_time" not in day


def test_before_six_in_the_morning_yesterday_holds_only_its_date(api):
    api.at(f"{DAY}T05:59")
    early = api.behaviour(api.staff(), "2026-03-19", DAY)
    groups = api.corp(
        "groupchat/statistic_group_by_day",
        {"owner_filter": {"userid_list": api.staff()}, "day_begin_time": seconds("2026-03-19")},
    )
    api.at(f"{DAY}T06:00")
    ready = api.behaviour(api.staff(), "2026-03-19", DAY)

    assert early == [{"stat_time": seconds("2026-03-19")}, {"stat_time": seconds(DAY)}]
    assert groups["items"] == [{"stat_time": seconds("2026-03-19"), "data": {}}]
    assert ready[0]["message_cnt"] > 0
    assert ready[1] == {"stat_time": seconds(DAY)}


def test_a_revised_staff_day_changes_once(api, truth):
    row = truth["staff_days"].dropna(subset="revised_at").iloc[0]
    day, shown = str(row.date), []
    for offset in (-60, 0, 3600):
        api.at(
            (row.revised_at.tz_convert("Asia/Shanghai") + pd.Timedelta(seconds=offset)).strftime(
                "%Y-%m-%dT%H:%M:%S"
            )
        )
        shown.append(api.behaviour([row.userid], day, day)[0])

    assert shown[0]["message_cnt"] == row.initial_message_cnt
    assert shown[0]["chat_cnt"] == row.initial_chat_cnt
    assert shown[1] == shown[2]
    assert shown[1]["message_cnt"] == row.message_cnt


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-01", "2026-03-30", 0),
        ("2026-03-01", "2026-03-31", 600018),
        ("2026-03-02", "2026-03-01", 600018),
        ("2025-10-01", "2025-10-02", 600018),
        ("2026-04-14", "2026-04-15", 0),
        ("2026-04-15", "2026-04-16", 600018),
    ],
)
def test_behaviour_windows(api, start, end, expected):
    api.at("2026-04-15")
    body = {"userid": api.staff()[:1], "start_time": seconds(start), "end_time": seconds(end)}

    assert code(api.corp("get_user_behavior_data", body)) == expected


def test_milliseconds_and_missing_parameters_are_refused(api):
    api.at("2026-04-15")
    user, day = api.staff()[:1], seconds("2026-04-10")

    def ask(**body):
        return code(api.corp("get_user_behavior_data", body))

    assert ask(userid=user, start_time=day * 1000, end_time=day * 1000) == 600018
    assert ask(userid=user, start_time=day) == 40063
    assert ask(start_time=day, end_time=day) == 40063
    assert ask(userid=["nobody"], start_time=day, end_time=day) == 40003
    assert ask(userid=user * 101, start_time=day, end_time=day) == 40058
    assert ask(userid=[], partyid=[9], start_time=day, end_time=day) == 60003


def test_group_statistics_equal_the_truth_and_refuse_today(api, truth):
    api.at("2026-04-15")
    owners = truth["group_days"].owner.unique().tolist()
    body = {
        "owner_filter": {"userid_list": owners},
        "day_begin_time": seconds("2026-04-01"),
        "day_end_time": seconds("2026-04-14"),
    }

    items = api.corp("groupchat/statistic_group_by_day", body)["items"]
    by_owner = api.corp("groupchat/statistic", body)

    facts = truth["group_days"]
    facts = facts[
        (facts.date.astype(str) >= "2026-04-01") & (facts.date.astype(str) <= "2026-04-14")
    ]
    for name in ("new_member_cnt", "member_total", "member_has_msg", "msg_total"):
        assert [i["data"][name] for i in items] == facts.groupby("date")[name].sum().tolist()
    assert [i["data"]["chat_total"] for i in items] == facts.groupby("date").size().tolist()
    assert by_owner["total"] == by_owner["next_offset"] == len(owners)
    assert sum(i["data"]["msg_total"] for i in by_owner["items"]) == facts.msg_total.sum()
    last = facts[facts.date.astype(str) == "2026-04-14"]
    assert sum(i["data"]["member_total"] for i in by_owner["items"]) == last.member_total.sum()

    today = api.corp(
        "groupchat/statistic_group_by_day", body | {"day_end_time": seconds("2026-04-15")}
    )
    assert (code(today), today["items"]) == (600018, [])
    no_filter = {k: v for k, v in body.items() if k != "owner_filter"}
    assert code(api.corp("groupchat/statistic_group_by_day", no_filter)) == 40063


def test_groups_are_listed_page_by_page(api, truth):
    api.at("2026-04-15")
    found, cursor = [], ""
    while True:
        page = api.corp("groupchat/list", {"limit": 7, "cursor": cursor})
        found += [g["chat_id"] for g in page["group_chat_list"]]
        if not (cursor := page["next_cursor"]):
            break

    known = truth["group_days"][lambda g: g.date.astype(str) == "2026-04-15"]
    assert sorted(found) == sorted(known.chat_id)
    assert code(api.corp("groupchat/list", {})) == 40063
    assert code(api.corp("groupchat/list", {"limit": 1001})) == 40058
    owner = known.owner.iloc[0]
    mine = api.corp("groupchat/list", {"limit": 1000, "owner_filter": {"userid_list": [owner]}})
    assert len(mine["group_chat_list"]) == (known.owner == owner).sum()


def test_broken_json_and_a_get_instead_of_a_post_are_refused(api):
    broken = api.corp("groupchat/list", b'{"limit": ')
    got = api.corp("batch/get_by_user")

    assert code(broken) == 40058
    assert broken["errmsg"].startswith("Warning: wrong json format.")
    assert code(got) == 40058
    assert got["external_contact_list"] == []
