"""wechatpy, an independent client, against the corp's further endpoints.

Called by the client's own methods: `external_contact.get_corp_tag_list`, `.add_contact_way`,
`.get_contact_way`, `.get_user_behavior_data`, `external_contact_group_chat.list_all` and `.get`,
`department.get`, `.get_users`, `user.list`. What it has no method for goes through its `post` and
`get`, so with its token, its error handling and its encoding.
"""

import pandas as pd
import pytest
from sandbox_api import moment, seconds
from test_sandbox_third_party_client import ToSandbox
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException

DAY = "2026-04-22"


@pytest.fixture(scope="module")
def client(api):
    api.at(DAY)
    account = api.account("wecom", "corp_main")
    found = WeChatClient(account["options"]["corpid"], account["credentials"]["secret"])
    found._http.mount("https://", ToSandbox("https://qyapi.weixin.qq.com", api.url))
    return found


def test_it_walks_the_departments_and_finds_everybody(client, truth):
    departments = client.department.get()
    found = {}
    for department in departments:
        for member in client.user.list(department["id"]):
            found[member["userid"]] = member
        names = client.department.get_users(department["id"])
        assert {n["userid"] for n in names} <= found.keys()

    assert found.keys() == set(truth["staff"].userid)
    assert [d["id"] for d in departments] == truth["departments"].department_id.tolist()
    below = client.department.get(2)
    assert {d["id"] for d in below} < {d["id"] for d in departments}


def test_it_reads_the_tag_library(client, truth):
    groups = client.external_contact.get_corp_tag_list()["tag_group"]
    asked = client.external_contact.get_corp_tag_list(["etsandboxmid"])["tag_group"]

    now = pd.Timestamp(moment(DAY))
    tags = truth["tags"]
    there = tags[(tags.happened_at <= now) & ~(tags.deleted_at <= now)]
    assert {t["id"] for g in groups for t in g["tag"]} == set(there.tag_id)
    assert [t["name"] for g in asked for t in g["tag"]] == ["中坚"]


def test_it_makes_a_contact_way_and_reads_it(client, truth):
    user = truth["staff"].userid.iloc[0]
    made = client.external_contact.add_contact_way(
        type=2, scene=2, remark="海报", state="poster", user=[user]
    )
    way = client.external_contact.get_contact_way(made["config_id"])["contact_way"]

    assert (way["remark"], way["state"], way["user"]) == ("海报", "poster", [user])
    with pytest.raises(WeChatClientException) as refusal:
        client.external_contact.get_contact_way("unknown")
    assert refusal.value.errcode == 41044


def test_it_reads_every_group_with_its_members(client, truth):
    chats = client.external_contact_group_chat.list_all(limit=9)
    members = truth["group_members"]
    now = pd.Timestamp(moment(DAY))
    here = members[(members.happened_at <= now) & ~(members.left_at <= now)].groupby("chat_id")

    sizes = {}
    for chat in chats:
        group = client.external_contact_group_chat.get(chat["chat_id"])["group_chat"]
        sizes[group["chat_id"]] = len(group["member_list"])

    assert sizes == here.size().to_dict()


def test_what_it_has_no_method_for_goes_through_its_post(client, truth):
    def rows(path: str, body: dict, name: str) -> list:
        found, cursor = [], ""
        while True:
            answer = client.post(path, data=body | {"cursor": cursor})
            found += answer[name]
            if not (cursor := answer.get("next_cursor")):
                return found

    now = pd.Timestamp(moment(DAY))
    span = {"start_time": seconds("2026-03-25"), "end_time": seconds("2026-04-22")}
    first = pd.Timestamp("2026-03-25", tz="Asia/Shanghai")
    messages = rows(
        "externalcontact/get_groupmsg_list_v2",
        span | {"chat_type": "single", "end_time": int(now.timestamp())},
        "group_msg_list",
    )
    told = truth["group_messages"].query("chat_type == 'single'")
    told = told[(told.happened_at >= first) & (told.happened_at <= now)]
    assert [m["msgid"] for m in messages] == told.msgid.tolist()
    tasks = rows("externalcontact/get_groupmsg_task", {"msgid": told.msgid.iloc[0]}, "task_list")
    assert {t["status"] for t in tasks} <= {0, 2}
    sent = next(t["userid"] for t in tasks if t["status"] == 2)
    results = rows(
        "externalcontact/get_groupmsg_send_result",
        {"msgid": told.msgid.iloc[0], "userid": sent},
        "send_list",
    )
    expected = truth["group_message_recipients"].query(
        "msgid == @told.msgid.iloc[0] and userid == @sent"
    )
    assert [r["external_userid"] for r in results] == expected.external_userid.tolist()

    moments = rows("externalcontact/get_moment_list", span, "moment_list")
    links = rows("externalcontact/customer_acquisition/list_link", {}, "link_id_list")
    customers = rows(
        "externalcontact/customer_acquisition/customer", {"link_id": links[0]}, "customer_list"
    )
    bills = rows(
        "externalpay/get_bill_list",
        {"begin_time": span["start_time"], "end_time": span["end_time"]},
        "bill_list",
    )
    accounts = client.post("kf/account/list", data={})["account_list"]
    days = client.post(
        "kf/get_servicer_statistic",
        data={"open_kfid": accounts[0]["open_kfid"]}
        | {"start_time": seconds("2026-04-15"), "end_time": seconds("2026-04-21")},
    )["statistic_list"]
    quota = client.get("externalcontact/customer_acquisition_quota")

    assert moments
    assert bills
    assert len(days) == 7
    assert quota["total"] >= len(customers) > 0
    with pytest.raises(WeChatClientException) as refusal:
        client.post("user/list_id", data={})
    assert refusal.value.errcode == 48002
