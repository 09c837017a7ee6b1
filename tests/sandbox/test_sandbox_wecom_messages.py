"""Mass messages and customer moments against the truth: cursors, windows, statuses, refusals."""

import pandas as pd
import pytest
from sandbox_api import seconds
from wecom_calls import Corp, code

MOMENT = "2026-04-28"


@pytest.fixture(scope="module")
def corp(api) -> Corp:
    return Corp(api, MOMENT)


def window(first: str, last: str) -> dict:
    return {"start_time": seconds(first), "end_time": seconds(last)}


def records(corp: Corp, chat_type: str, **more) -> list[dict]:
    found = []
    for first, last in (("2026-03-02", "2026-03-31"), ("2026-03-31", "2026-04-29")):
        body = {"chat_type": chat_type} | window(first, last) | more
        body["end_time"] -= 1
        found += corp.rows("externalcontact/get_groupmsg_list_v2", body, "group_msg_list")
    return found


def test_both_chat_types_together_list_every_message(corp, truth):
    single, group = records(corp, "single", limit=7), records(corp, "group")

    facts = truth["group_messages"][lambda f: f.happened_at <= corp.now]
    shown = {r["msgid"]: r for r in single + group}
    assert shown.keys() == set(facts.msgid)
    assert {r["msgid"] for r in group} == set(facts.msgid[facts.chat_type == "group"])
    for fact in facts.itertuples():
        record = shown[fact.msgid]
        assert record["create_time"] == int(fact.happened_at.timestamp())
        assert record["create_type"] == int(fact.is_personal)
        assert record["text"]["content"] == fact.text
        assert record.get("creator") == (fact.creator if pd.notna(fact.creator) else None)
    personal = records(corp, "single", filter_type=1)
    assert {r["create_type"] for r in personal} == {1}
    assert records(corp, "single", creator=personal[0]["creator"], filter_type=1)


def test_a_limit_above_the_largest_falls_back_to_the_default_silently(corp, truth):
    message = truth["group_message_tasks"].msgid.iloc[0]
    first = corp.external("get_groupmsg_task", {"msgid": message, "limit": 5})
    over = corp.external("get_groupmsg_task", {"msgid": message, "limit": 1001})

    tasks = truth["group_message_tasks"].query("msgid == @message")
    assert len(first["task_list"]) == min(5, len(tasks))
    assert bool(first["next_cursor"]) == (len(tasks) > 5)
    assert len(over["task_list"]) == len(tasks)
    moments = {"limit": 21} | window("2026-03-02", "2026-04-01")
    assert len(corp.external("get_moment_list", moments)["moment_list"]) <= 20


def test_tasks_and_results_say_who_was_reached_and_why_not(corp, truth):
    facts = truth["group_messages"].query("chat_type == 'single' and not is_cancelled")
    msgid = facts.loc[facts.segment == "high_value", "msgid"].iloc[0]
    tasks = {
        t["userid"]: t
        for t in corp.rows("externalcontact/get_groupmsg_task", {"msgid": msgid}, "task_list")
    }
    shown = [
        row
        for user in tasks
        for row in corp.rows(
            "externalcontact/get_groupmsg_send_result",
            {"msgid": msgid, "userid": user, "limit": 3},
            "send_list",
        )
    ]

    told = truth["group_message_tasks"].query("msgid == @msgid").set_index("userid")
    assert tasks.keys() == set(told.index)
    for user, task in tasks.items():
        sent = told.sent_at[user]
        assert task["status"] == (2 if pd.notna(sent) else 0)
        assert task.get("send_time") == (int(sent.timestamp()) if pd.notna(sent) else None)
    expected = truth["group_message_recipients"].query("msgid == @msgid")
    assert {(r["userid"], r["external_userid"], r["status"]) for r in shown} == set(
        zip(expected.userid, expected.external_userid, expected.status, strict=True)
    )
    assert len(shown) == len(expected) > 10
    for row in shown:
        assert ("send_time" in row) == (row["status"] == 1)


def test_until_a_member_acts_nothing_is_sent(api, truth):
    tasks = truth["group_message_tasks"].dropna(subset="sent_at")
    messages = truth["group_messages"].query("chat_type == 'single' and segment != 'silent'")
    tasks = tasks[tasks.msgid.isin(messages.msgid)]
    late = tasks[(tasks.sent_at - tasks.happened_at) > pd.Timedelta(hours=6)].iloc[-1]
    before = late.happened_at + pd.Timedelta(minutes=30)
    corp = Corp(api, before.tz_convert("Asia/Shanghai").strftime("%Y-%m-%dT%H:%M:%S"))
    asked = {"msgid": late.msgid, "userid": late.userid}

    listed = corp.external("get_groupmsg_task", {"msgid": late.msgid})["task_list"]
    results = corp.external("get_groupmsg_send_result", asked)["send_list"]

    assert {"userid": late.userid, "status": 0} in listed
    assert {r["status"] for r in results} == {0}
    first = late.happened_at.tz_convert("Asia/Shanghai").strftime("%Y-%m-%dT%H:%M:%S")
    fresh = Corp(api, first)
    assert code(fresh.external("get_groupmsg_task", {"msgid": late.msgid})) == 41063
    assert code(fresh.external("get_groupmsg_send_result", asked)) == 41063
    api.at(MOMENT)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("get_groupmsg_list_v2", {}, 40063),
        ("get_groupmsg_list_v2", {"chat_type": "both"} | window("2026-04-01", "2026-04-02"), 40058),
        (
            "get_groupmsg_list_v2",
            {"chat_type": "single"} | window("2026-03-02", "2026-04-10"),
            40058,
        ),
        ("get_groupmsg_task", {}, 41046),
        ("get_groupmsg_task", {"msgid": "msg-unknown"}, 41047),
        ("get_moment_list", window("2026-03-02", "2026-04-02"), 40058),
        ("get_moment_task", {}, 41059),
        ("get_moment_task", {"moment_id": "mom-unknown"}, 41060),
    ],
)
def test_refusals(api, path, body, expected):
    answer = api.post(f"/cgi-bin/externalcontact/{path}", body, access_token=api.corp_token())

    assert code(answer) == expected
    assert next(v for k, v in answer.items() if k.endswith("_list")) == []


def test_a_result_needs_a_message_member_and_a_cancelled_message_has_no_tasks(api, truth):
    corp = Corp(api, MOMENT)
    task = truth["group_message_tasks"].dropna(subset="sent_at").iloc[0]
    cancelled = truth["group_messages"].query("is_cancelled").msgid.iloc[0]

    asked = {"msgid": task.msgid}
    assert code(corp.external("get_groupmsg_send_result", asked)) == 41009
    unknown = asked | {"userid": "nobody"}
    assert code(corp.external("get_groupmsg_send_result", unknown)) == 40003
    wrong = asked | {"userid": task.userid, "cursor": "abc"}
    assert code(corp.external("get_groupmsg_send_result", wrong)) == 50100
    assert code(corp.external("get_groupmsg_task", {"msgid": cancelled})) == 41093


# ------------------------------------------------------------------------------------- moments
@pytest.fixture(scope="module")
def late(api) -> Corp:
    return Corp(api, MOMENT)


def test_the_window_of_moments_is_open_at_both_ends(late, truth):
    facts = truth["moments"]
    now = pd.Timestamp(late.now)
    fact = facts[facts.deleted_at.isna() & (facts.happened_at < now)].iloc[3]
    second = int(fact.happened_at.timestamp())

    def listed(start: int, end: int) -> list[str]:
        body = {"start_time": start, "end_time": end}
        return [m["moment_id"] for m in late.external("get_moment_list", body)["moment_list"]]

    assert listed(second - 1, second + 1) == [fact.moment_id]
    assert fact.moment_id not in listed(second, second + 100)
    assert fact.moment_id not in listed(second - 100, second)


def test_moments_their_publishers_audience_and_reactions(late, truth):
    found = {}
    for first, last in (("2026-03-01", "2026-03-30"), ("2026-03-30", "2026-04-28")):
        body = window(first, last)
        body["start_time"] -= 1
        for page in late.pages("externalcontact/get_moment_list", body, "moment_list"):
            assert len(page) <= 20
            found |= {m["moment_id"]: m for m in page}
    facts = truth["moments"]
    alive = facts[
        (facts.happened_at < pd.Timestamp("2026-04-28", tz="Asia/Shanghai"))
        & ~(facts.deleted_at <= late.now)
    ]
    assert found.keys() == set(alive.moment_id)
    reactions = sees = 0
    for fact in alive.itertuples():
        record, asked = found[fact.moment_id], {"moment_id": fact.moment_id}
        assert record["create_type"] == int(fact.is_personal)
        assert sum(key in record for key in ("image", "video", "link")) == 1
        tasks = truth["moment_tasks"].query("moment_id == @fact.moment_id")
        if fact.is_personal:
            assert code(late.external("get_moment_task", asked)) == 41067
            assert record["creator"] == tasks.userid.iloc[0]
        else:
            shown = late.external("get_moment_task", asked)["task_list"]
            assert {t["userid"]: bool(t["publish_status"]) for t in shown} == {
                t.userid: bool(t.published_at <= late.now) for t in tasks.itertuples()
            }
        for task in tasks.itertuples():
            body = asked | {"userid": task.userid}
            if not task.published_at <= late.now:
                assert code(late.external("get_moment_send_result", body)) == 41062
                continue
            audience = truth["moment_recipients"].query(
                "moment_id == @fact.moment_id and userid == @task.userid"
            )
            path = "externalcontact/get_moment_send_result"
            seeing = late.rows(path, body | {"limit": 9}, "customer_list")
            assert [c["external_userid"] for c in seeing] == audience.external_userid[
                audience.sees_it
            ].tolist()
            chosen = late.external("get_moment_customer_list", body)["customer_list"]
            assert len(chosen) == len(audience)
            assert all(c["userid"] == task.userid for c in chosen)
            reacted = late.external("get_moment_comments", body)
            told = truth["moment_comments"].query(
                "moment_id == @fact.moment_id and publisher_userid == @task.userid"
            )
            told = told[told.happened_at <= late.now]
            assert len(reacted["like_list"]) == (told.kind == "like").sum()
            assert len(reacted["comment_list"]) == (told.kind == "comment").sum()
            for entry in reacted["comment_list"] + reacted["like_list"]:
                assert ("userid" in entry) != ("external_userid" in entry)
            reactions, sees = reactions + len(told), sees + len(seeing)
    assert reactions > 10
    assert sees > 200
    stranger = alive.iloc[0]
    asked = {"moment_id": stranger.moment_id, "userid": "nobody"}
    assert code(late.external("get_moment_comments", asked)) == 41061


def test_frozen_tasks_stay_as_they_were_while_messages_go_on(api, truth, no_faults):
    facts = truth["group_messages"].query("chat_type == 'single' and not is_cancelled")
    day = facts.happened_at.dt.tz_convert("Asia/Shanghai").dt.date.astype(str)
    fact = facts[(day > "2026-03-10") & (day < "2026-04-10")].iloc[0]
    first = day[fact.name]
    api.at(f"{first}T00:00")
    # going back, faults of other tests would be lived through once more
    api.http.delete(f"{api.url}/_sandbox/faults")
    fault = {"kind": "freeze", "source": "wecom", "stream": "group_message_task"}
    added = api.http.post(f"{api.url}/_sandbox/faults", json=fault | {"from": first, "days": 6})
    assert added.status_code == 200, added.text
    held = Corp(api, str(pd.Timestamp(first) + pd.Timedelta(days=5))[:10])
    frozen = held.external("get_groupmsg_task", {"msgid": fact.msgid})["task_list"]
    free = Corp(api, str(pd.Timestamp(first) + pd.Timedelta(days=7))[:10])
    whole = free.external("get_groupmsg_task", {"msgid": fact.msgid})["task_list"]

    assert {t["status"] for t in frozen} == {0}
    told = truth["group_message_tasks"].query("msgid == @fact.msgid")
    assert sum(t["status"] == 2 for t in whole) == told.sent_at.notna().sum() > 0
