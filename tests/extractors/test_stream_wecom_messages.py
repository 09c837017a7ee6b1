"""Mass messages, on the sample bodies of document 93338."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY
from wecom_answers import API, BEFORE, OK, bodies, everything, says, second

from extractors.core.errors import ApiError
from extractors.core.privacy import Privacy
from extractors.wecom.messages import GroupMessage, GroupMessageRecipient, GroupMessageTask

MSGID = "msgGCAAAXtWyujaWJHDDGi0mAAAA"
CUSTOMER = "wmqfasd1e19278asdasAAAA"
SAMPLE = {
    "msgid": MSGID,
    "creator": "xxxx",
    "create_time": second(YESTERDAY),
    "create_type": 1,
    "text": {"content": "文本消息内容"},
    "attachments": [
        {"msgtype": "image", "image": {"media_id": "MEDIA_ID", "pic_url": "http://p.qpic.cn/0"}},
        {
            "msgtype": "link",
            "link": {
                "title": "消息标题",
                "picurl": "https://example.pic.com/path",
                "desc": "消息描述",
                "url": "https://example.link.com/path",
            },
        },
        {
            "msgtype": "miniprogram",
            "miniprogram": {"title": "消息标题", "appid": "wx8b", "page": "/path/index.html"},
        },
        {"msgtype": "video", "video": {"media_id": "MEDIA_ID"}},
        {"msgtype": "file", "file": {"media_id": "MEDIA_ID"}},
    ],
}
ONE_DAY = (YESTERDAY, YESTERDAY)


def messages(platform, *single, group=()):
    for chat_type, rows in (("single", single), ("group", group)):
        says(
            platform,
            "externalcontact/get_groupmsg_list_v2",
            {"group_msg_list": list(rows), "next_cursor": ""},
            chat_type=chat_type,
        )


def tasks(platform, *rows, msgid=MSGID):
    says(platform, "externalcontact/get_groupmsg_task", {"task_list": list(rows)}, msgid=msgid)


def results(platform, userid, *rows, msgid=MSGID):
    says(
        platform,
        "externalcontact/get_groupmsg_send_result",
        {"send_list": list(rows), "next_cursor": ""},
        msgid=msgid,
        userid=userid,
    )


def recipient(external_userid=CUSTOMER, status=1, **also):
    return {"external_userid": external_userid, "userid": "zhangsan", "status": status, **also}


def message(msgid=MSGID, day=YESTERDAY, clock=12 * 3600):
    return {"msgid": msgid, "create_time": second(day, clock), "create_type": 0}


def test_the_documented_message_lands_without_its_text(wecom, pull_of):
    messages(wecom, SAMPLE)
    commit, rows = pull_of(GroupMessage, window=ONE_DAY)
    [row] = rows[YESTERDAY]
    assert (row["msgid"], row["chat_type"], row["create_type"]) == (MSGID, "single", 1)
    assert row["content_length"] == 6
    assert json.loads(row["attachment_types"]) == ["image", "link", "miniprogram", "video", "file"]
    assert json.loads(row["link_urls"]) == ["https://example.link.com/path", "/path/index.html"]
    assert (row["_extra"], commit.unknown_fields) == (None, ())
    assert not any(text in everything(rows) for text in ("文本", "标题", "描述"))


def test_both_kinds_are_asked_for_with_the_largest_page_that_is_taken(wecom, pull_of):
    messages(wecom, message("m1"), group=[message("m2")])
    _, rows = pull_of(GroupMessage, window=ONE_DAY)
    assert {(r["msgid"], r["chat_type"]) for r in rows[YESTERDAY]} == {
        ("m1", "single"),
        ("m2", "group"),
    }
    # one more than 100 would give 50 a page without a word
    assert {body["limit"] for body in bodies(wecom, "get_groupmsg_list_v2")} == {100}


def test_the_same_text_differently_spaced_has_the_same_hash(wecom, pull_of):
    texts = ("新品上市！ 全场 8折", "新品上市,全场８折。", "别的内容")
    messages(
        wecom, *({**message(f"m{n}"), "text": {"content": text}} for n, text in enumerate(texts))
    )
    _, rows = pull_of(GroupMessage, window=ONE_DAY)
    first, second_, other = (row["content_hash"] for row in rows[YESTERDAY])
    assert first == second_ != other


def test_headings_land_of_the_corps_messages_and_of_those_the_account_names(wecom, pull_of):
    texts = {
        "corp": "【会员福利】满减",
        "own": "【王女士】您好",
        "series": "【护肤课堂】防晒",
        "none": "您好",
    }
    messages(
        wecom,
        *(
            {**message(name), "create_type": int(name != "corp"), "text": {"content": text}}
            for name, text in texts.items()
        ),
    )
    _, rows = pull_of(GroupMessage, window=ONE_DAY, content_labels=["护肤课堂"])
    assert {row["msgid"]: row["content_label"] for row in rows[YESTERDAY]} == {
        "corp": "会员福利",
        "own": None,
        "series": "护肤课堂",
        "none": None,
    }


def test_a_window_is_under_a_month_and_a_days_last_second_belongs_to_it(wecom, pull_of):
    first = TODAY - timedelta(40)
    edge = first + timedelta(28)
    for _ in range(2):  # whether the ends of a window belong to it is not said: both are given
        messages(
            wecom,
            message("edge", edge, 0),
            message("last", YESTERDAY, 86399),
            message("today", TODAY, 0),
        )
    _, rows = pull_of(GroupMessage, window=(first, YESTERDAY))
    spans = [body["end_time"] - body["start_time"] for body in bodies(wecom, "list_v2")]
    assert max(spans) <= 28 * 86400
    assert {day: [row["msgid"] for row in found] for day, found in rows.items()} == {
        edge: ["edge"],
        YESTERDAY: ["last"],
    }


def test_a_message_whose_time_is_a_placeholder_is_counted_not_fatal(wecom, pull_of):
    messages(wecom, message("good"), {**message("bad"), "create_time": "xxxx"})
    commit, rows = pull_of(GroupMessage, window=ONE_DAY)
    assert [row["msgid"] for row in rows[YESTERDAY]] == ["good"]
    assert commit.rejected_rows == 1


def test_the_documented_task_lands(wecom, pull_of):
    messages(wecom, message())
    tasks(
        wecom,
        {"userid": "zhangsan", "status": 2, "send_time": 1552536375},
        {"userid": "lisi", "status": 0},
    )
    _, rows = pull_of(GroupMessageTask, window=ONE_DAY)
    sent, unsent = sorted(rows[YESTERDAY], key=lambda row: -row["status"])
    assert (sent["userid"], sent["status"]) == ("zhangsan", 2)
    assert sent["send_time"] == datetime.fromtimestamp(1552536375, UTC)
    assert (unsent["userid"], unsent["status"], unsent["send_time"]) == ("lisi", 0, None)
    assert bodies(wecom, "get_groupmsg_task")[0]["limit"] == 1000


def test_a_message_still_being_dispatched_leaves_its_day_open(wecom, pull_of, clocks):
    messages(wecom, message())
    wecom.post(f"{API}/get_groupmsg_task", json={"errcode": 41063})
    commit, _ = pull_of(GroupMessageTask, window=ONE_DAY)
    assert commit.not_ready_dates == (YESTERDAY,)
    assert len(clocks[0].slept) == 3  # it was asked again before


def test_a_cancelled_message_has_no_tasks(wecom, pull_of):
    messages(wecom, message())
    wecom.post(f"{API}/get_groupmsg_task", json={"errcode": 41093})
    commit, rows = pull_of(GroupMessageTask, window=ONE_DAY)
    assert (rows, commit.covered_dates) == ({}, (YESTERDAY,))


def test_the_documented_recipient_lands_as_a_pseudonym(wecom, pull_of, settings):
    messages(wecom, message())
    tasks(wecom, {"userid": "zhangsan", "status": 2, "send_time": second(YESTERDAY)})
    results(wecom, "zhangsan", recipient(send_time=1552536375), recipient("wm2", 3))
    commit, rows = pull_of(GroupMessageRecipient, window=ONE_DAY)
    by_status = {row["status"]: row for row in rows[YESTERDAY]}
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert by_status[1]["recipient_id"] == pseudonym(CUSTOMER)
    assert by_status[1]["send_time"] == datetime.fromtimestamp(1552536375, UTC)
    assert by_status[3]["send_time"] is None
    assert commit.unknown_fields == ()
    assert CUSTOMER not in everything(rows)
    assert bodies(wecom, "send_result")[0]["limit"] == 1000


def test_customers_of_a_member_who_has_not_sent_are_targets_too(wecom, pull_of):
    messages(wecom, message())
    tasks(wecom, {"userid": "lisi", "status": 0})
    results(wecom, "lisi", recipient(status=0))
    _, rows = pull_of(GroupMessageRecipient, window=ONE_DAY)
    assert [row["status"] for row in rows[YESTERDAY]] == [0]


def test_groups_are_asked_for_only_once_sent(wecom, pull_of):
    messages(wecom, group=[message()])
    tasks(
        wecom,
        {"userid": "zhangsan", "status": 2, "send_time": second(YESTERDAY)},
        {"userid": "lisi", "status": 0},
    )
    group = {"chat_id": "wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA", "userid": "zhangsan", "status": 1}
    results(wecom, "zhangsan", group)
    _, rows = pull_of(GroupMessageRecipient, window=ONE_DAY)
    assert [row["recipient_id"] for row in rows[YESTERDAY]] == [group["chat_id"]]


def test_a_cursor_that_dies_restarts_the_list_without_doubles(wecom, pull_of):
    messages(wecom, message())
    tasks(wecom, {"userid": "zhangsan", "status": 2, "send_time": second(YESTERDAY)})
    url = f"{API}/get_groupmsg_send_result"
    for answer in (
        {**OK, "send_list": [recipient("wm1"), recipient("wm2")], "next_cursor": "c"},
        {"errcode": 50100},
        # sorted otherwise this time
        {**OK, "send_list": [recipient("wm2"), recipient("wm3")], "next_cursor": "d"},
        {**OK, "send_list": [recipient("wm1")], "next_cursor": ""},
    ):
        wecom.post(url, json=answer)
    _, rows = pull_of(GroupMessageRecipient, window=ONE_DAY)
    ids = [row["recipient_id"] for row in rows[YESTERDAY]]
    assert len(ids) == len(set(ids)) == 3
    assert "cursor" not in bodies(wecom, "send_result")[2]


def test_a_cursor_that_keeps_dying_is_an_error(wecom, pull_of):
    messages(wecom, message())
    for _ in range(4):
        wecom.post(f"{API}/get_groupmsg_task", json={**OK, "task_list": [], "next_cursor": "c"})
        wecom.post(f"{API}/get_groupmsg_task", json={"errcode": 50100})
    with pytest.raises(ApiError, match="50100"):
        pull_of(GroupMessageTask, window=ONE_DAY)


def test_a_duplicate_that_the_source_itself_sends_lands_once_and_is_counted(wecom, pull_of):
    messages(wecom, message())
    tasks(wecom, {"userid": "a", "status": 0}, {"userid": "a", "status": 0})
    commit, rows = pull_of(GroupMessageTask, window=ONE_DAY)
    assert len(rows[YESTERDAY]) == 1
    assert commit.duplicate_rows == 1


class Week:
    """A message of one day, read again on the days after."""

    def __init__(self, platform, pull_of):
        self.platform, self.pull_of = platform, pull_of

    def pull(self, age, status=2, sent=BEFORE, rows=None):
        """Pull when the message of BEFORE is `age` days old; how many results were asked for."""
        self.platform.reset()
        self.platform.get(f"{BASE}/cgi-bin/gettoken", json={**OK, "access_token": f"t{age}"})
        messages(self.platform, message(day=BEFORE))
        task = {"userid": "zhangsan", "status": status}
        tasks(self.platform, task | ({"send_time": second(sent)} if status else {}))
        self.platform.assert_all_requests_are_fired = False
        results(self.platform, "zhangsan", *(rows or [recipient(status=min(status, 1))]))
        as_of = AS_OF + timedelta(age - 2)
        _, landed = self.pull_of(GroupMessageRecipient, as_of=as_of)
        return len(bodies(self.platform, "send_result")), landed.get(BEFORE)


def test_old_results_are_carried_over_and_read_a_last_time(platform, pull_of):
    week = Week(platform, pull_of)
    asked = {}
    for age in range(2, 9):
        asked[age], rows = week.pull(age)
        if age <= 7:
            assert [row["status"] for row in rows] == [1]
    assert asked == {2: 1, 3: 1, 4: 0, 5: 0, 6: 0, 7: 1, 8: 0}


def test_a_member_who_sends_late_is_asked_again_at_once(platform, pull_of):
    week = Week(platform, pull_of)
    assert week.pull(3, status=0)[0] == 1
    assert week.pull(4, status=0)[0] == 0
    asked, rows = week.pull(5, sent=AS_OF.date() + timedelta(2))
    assert (asked, [row["status"] for row in rows]) == (1, [1])
