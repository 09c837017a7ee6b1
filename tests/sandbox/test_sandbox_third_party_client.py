"""An independent client, wechatpy, used as its documentation says, against the sandbox.

It knows the platform's own host only, so a transport adapter sends that host's calls here;
nothing of the client is changed.
"""

from datetime import date

import pandas as pd
import pytest
import requests
from sandbox_api import moment, seconds
from wechatpy import WeChatClient as OfficialAccountClient
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException

DAY = "2026-04-20"


class ToSandbox(requests.adapters.HTTPAdapter):
    """Send what is meant for one host to another."""

    def __init__(self, host: str, url: str) -> None:
        super().__init__()
        self.host, self.target = host, url

    def send(self, request, **kwargs):
        request.url = request.url.replace(self.host, self.target, 1)
        return super().send(request, **kwargs)


@pytest.fixture
def corp(api):
    api.at(DAY)
    account = api.account("wecom", "corp_main")
    client = WeChatClient(account["options"]["corpid"], account["credentials"]["secret"])
    client._http.mount("https://", ToSandbox("https://qyapi.weixin.qq.com", api.url))
    return client


def test_it_gets_a_token_and_reads_customers(corp, truth):
    now = pd.Timestamp(moment(DAY))
    listed = truth["relations"][lambda r: (r.happened_at <= now) & ~(r.removed_by_staff_at <= now)]

    staff = corp.external_contact.get_follow_user_list()["follow_user"]
    customers = {user: corp.external_contact.list(user)["external_userid"] for user in staff}

    assert corp.access_token
    assert {u: sorted(c) for u, c in customers.items()} == {
        u: sorted(c) for u, c in listed.groupby("userid").external_userid
    }
    detail = corp.external_contact.get(customers[staff[0]][0])
    assert detail["follow_user"][0]["userid"] in staff
    batch = corp.post(
        "externalcontact/batch/get_by_user", data={"userid_list": staff[:1], "limit": 100}
    )
    assert [
        c["external_contact"]["external_userid"] for c in batch["external_contact_list"]
    ] == customers[staff[0]][:100]


def test_it_reads_behaviour_and_group_statistics(corp, truth):
    staff = corp.external_contact.get_follow_user_list()["follow_user"]

    behaviour = corp.external_contact.get_user_behavior_data(
        staff, seconds("2026-04-01"), seconds("2026-04-10")
    )["behavior_data"]
    groups = corp.external_contact_group_chat.statistic(
        seconds("2026-04-10"), seconds("2026-04-10"), owner_userid_list=staff
    )
    chats = corp.external_contact_group_chat.list_all(limit=8)

    days = truth["staff_days"][lambda s: s.date.astype(str).between("2026-04-01", "2026-04-10")]
    assert [d["new_contact_cnt"] for d in behaviour] == (
        days.groupby("date").new_contact_cnt.sum().tolist()
    )
    facts = truth["group_days"][lambda g: g.date.astype(str) == "2026-04-10"]
    shown = {i["owner"]: i["data"]["msg_total"] for i in groups["items"]}
    expected = facts.groupby("owner").msg_total.sum()
    assert {o: m for o, m in shown.items() if m} == expected[expected > 0].to_dict()
    now = truth["group_days"][lambda g: g.date.astype(str) == DAY]
    assert len({c["chat_id"] for c in chats}) == len(now) == len(chats)


def test_it_recovers_by_itself_from_an_expired_token(corp, api):
    first = corp.access_token
    api.http.put(f"{api.url}/_sandbox/clock", json={"now": f"{DAY}T15:00:00+08:00"})

    assert corp.external_contact.get_follow_user_list()["follow_user"]
    assert corp.access_token != first


def test_it_names_the_documented_codes(corp, api):
    with pytest.raises(WeChatClientException) as refusal:
        corp.external_contact.get("wm-unknown")
    assert refusal.value.errcode == 40096

    corp.secret = "wrong"
    with pytest.raises(WeChatClientException) as refusal:
        corp.fetch_access_token()
    assert refusal.value.errcode == 40001


@pytest.fixture
def official(api):
    api.at(DAY)
    account = api.account("wechat_oa", "oa_main")
    client = OfficialAccountClient(account["options"]["appid"], account["credentials"]["secret"])
    client._http.mount("https://", ToSandbox("https://api.weixin.qq.com", api.url))
    return client


def test_its_official_account_client_reads_articles(official, truth):
    day = truth["articles"].published_date.astype(str)[lambda d: d >= "2026-04-01"].iloc[0]

    answer = official.post(
        "https://api.weixin.qq.com/datacube/getarticletotaldetail",
        data={"begin_date": day, "end_date": day},
    )

    facts = truth["articles"][truth["articles"].published_date.astype(str) == day]
    assert [a["msgid"] for a in answer["list"]] == facts.msgid.tolist()


def test_its_datacube_reads_followers_and_messages(official, truth):
    """Calls: getusersummary, getusercumulate, and all seven getupstreammsg*."""
    cube = official.datacube
    first, last = date(2026, 4, 12), date(2026, 4, 18)
    users = truth["oa_user_days"][lambda u: u.date.between(first, last)]
    messages = truth["oa_message_days"][lambda m: m.date.between(first, last)]

    summary = cube.get_user_summary(first, last)
    total = cube.get_user_cumulate(first, last)
    sent = cube.get_upstream_msg(first, last)
    hours = cube.get_upstream_msg_hour(last, last)
    spread = cube.get_upstream_msg_dist(first, last)

    assert sum(r["new_user"] for r in summary) == users.new_user.sum()
    assert sum(r["cancel_user"] for r in summary) == users.cancel_user.sum()
    assert [r["cumulate_user"] for r in total] == users.groupby("date").cumulate_user.max().tolist()
    assert sum(r["msg_count"] for r in sent) == messages.msg_count.sum()
    by_hour = sum(r["msg_count"] for r in hours)
    assert by_hour == messages[messages.date == last].msg_count.sum()
    assert sum(r["msg_user"] for r in spread) == messages.msg_user.sum()
    monday, month = date(2026, 4, 6), date(2026, 3, 1)
    for ask, begin in (
        (cube.get_upstream_msg_week, monday),
        (cube.get_upstream_msg_dist_week, monday),
        (cube.get_upstream_msg_month, month),
        (cube.get_upstream_msg_dist_month, month),
    ):
        assert {r["ref_date"] for r in ask(begin, begin)} == {str(begin)}


def test_its_old_article_calls_are_told_that_they_are_offline(official):
    """Calls: getarticlesummary, getarticletotal, getuserread(hour), getusershare(hour)."""
    cube, day = official.datacube, date(2026, 4, 18)
    for ask in (
        cube.get_article_summary,
        cube.get_article_total,
        cube.get_user_read,
        cube.get_user_read_hour,
        cube.get_user_share,
        cube.get_user_share_hour,
    ):
        with pytest.raises(WeChatClientException) as refusal:
            ask(day, day)
        assert refusal.value.errcode == 47009
