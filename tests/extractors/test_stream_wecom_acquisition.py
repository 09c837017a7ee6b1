"""Acquisition links and contact ways, on the sample bodies of 97297, 97298, 97375 and 92228."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY
from wecom_answers import API, BEFORE, OK, bodies, everything, says, second

from extractors.core.privacy import Privacy
from extractors.wecom.acquisition import (
    AcquisitionCustomer,
    AcquisitionLink,
    AcquisitionQuota,
    AcquisitionStatistic,
    ContactWay,
)

LINKS = "externalcontact/customer_acquisition/list_link"
STATISTIC = "externalcontact/customer_acquisition/statistic"
ONE_DAY = (YESTERDAY, YESTERDAY)


def links(platform, *ids, **also):
    says(platform, LINKS, {"link_id_list": list(ids), **also})


LINK = {
    "link": {
        "link_name": "LINK_NAME",
        "url": "URL",
        "create_time": 1672502400,
        "skip_verify": True,
        "mark_source": True,
    },
    "range": {"user_list": ["rocky", "sam"], "department_list": [1]},
    "priority_option": {"priority_type": 2, "priority_userid_list": ["tom", "lisi"]},
}


def test_the_documented_link_lands_with_the_id_of_the_question(wecom, pull_of):
    links(wecom, "LINK_ID_AAA")
    says(wecom, "externalcontact/customer_acquisition/get", LINK, link_id="LINK_ID_AAA")
    commit, rows = pull_of(AcquisitionLink)
    [row] = rows[TODAY]
    assert (row["link_id"], row["link_name"], row["skip_verify"]) == (
        "LINK_ID_AAA",
        "LINK_NAME",
        True,
    )
    assert row["create_time"] == datetime.fromtimestamp(1672502400, UTC)
    assert json.loads(row["user_list"]) == ["rocky", "sam"]
    assert json.loads(row["priority_userid_list"]) == ["tom", "lisi"]
    assert commit.unknown_fields == ()


def test_skip_verify_beside_the_link_is_read_too(wecom, pull_of):
    links(wecom, "L")
    old = {"link": {"link_name": "n", "url": "u", "create_time": 1672502400}, "skip_verify": False}
    says(wecom, "externalcontact/customer_acquisition/get", old)
    _, rows = pull_of(AcquisitionLink)
    assert rows[TODAY][0]["skip_verify"] is False


def test_links_are_listed_over_pages_and_end_without_a_cursor(wecom, pull_of):
    links(wecom, "a", next_cursor="c")
    links(wecom, "b")
    for _ in "ab":
        says(wecom, "externalcontact/customer_acquisition/get", LINK)
    _, rows = pull_of(AcquisitionLink)
    assert [row["link_id"] for row in rows[TODAY]] == ["a", "b"]


def test_the_documented_customers_land_once_per_member(wecom, pull_of, settings):
    links(wecom, "L")
    customer = {"external_userid": "woAJ2GCAAAXtWyujaWJHDDGi0mACAAA", "chat_status": 0}
    says(
        wecom,
        "externalcontact/customer_acquisition/customer",
        {
            "customer_list": [
                {**customer, "userid": "zhangsan", "state": "CHANNEL_A"},
                {**customer, "userid": "lisi", "chat_status": 2},
            ],
            "next_cursor": "",
        },
        link_id="L",
    )
    commit, rows = pull_of(AcquisitionCustomer)
    pseudonym = Privacy(b"a-key-of-the-tests", settings.root).pseudonym
    assert [(r["userid"], r["chat_status"], r["state"]) for r in rows[TODAY]] == [
        ("lisi", 2, None),
        ("zhangsan", 0, "CHANNEL_A"),
    ]
    assert {r["external_userid"] for r in rows[TODAY]} == {pseudonym(customer["external_userid"])}
    assert bodies(wecom, "customer_acquisition/customer")[0]["limit"] == 1000
    assert commit.unknown_fields == ()


def statistic(platform, clicks=3, adds=1, **asked):
    counted = {"click_link_customer_cnt": clicks, "new_customer_cnt": adds}
    says(platform, STATISTIC, {k: v for k, v in counted.items() if v is not None}, **asked)


def test_a_daily_series_is_one_call_per_link_and_day(wecom, pull_of):
    links(wecom, "a", "b")
    for link in "ab":
        for day in (BEFORE, YESTERDAY):
            at = second(day, 0)
            statistic(
                wecom, clicks=5 if link == "a" else 0, link_id=link, start_time=at, end_time=at
            )
    commit, rows = pull_of(AcquisitionStatistic, window=(BEFORE, YESTERDAY))
    assert [(r["link_id"], r["click_link_customer_cnt"]) for r in rows[BEFORE]] == [
        ("a", 5),
        ("b", 0),
    ]
    assert ("click_link_customer_cnt", 5) in {(a.measure, a.value) for a in commit.arrivals}
    assert commit.unknown_fields == ()


def test_a_link_without_figures_is_not_computed_yet_never_zero(wecom, pull_of):
    links(wecom, "a", "b")
    statistic(wecom, link_id="a")
    statistic(wecom, clicks=None, adds=None, link_id="b")
    commit, rows = pull_of(AcquisitionStatistic, window=ONE_DAY)
    assert [row["link_id"] for row in rows[YESTERDAY]] == ["a"]
    assert commit.not_ready_dates == commit.covered_dates == ONE_DAY[:1]


def test_settled_days_are_carried_over(platform, pull_of):
    asked = {}
    for age in range(1, 4):
        platform.reset()
        platform.assert_all_requests_are_fired = False
        platform.get(f"{BASE}/cgi-bin/gettoken", json={**OK, "access_token": f"t{age}"})
        links(platform, "a")
        statistic(platform)
        since = (TODAY - timedelta(10)).isoformat()
        commit, _ = pull_of(AcquisitionStatistic, as_of=AS_OF + timedelta(age), since=since)
        asked[age] = len(bodies(platform, "statistic"))
        assert len(commit.covered_dates) >= 7
    # ages 1 to 3, the closing one of 7, and what leaves the range
    assert asked[1] == 11
    assert asked[2] == asked[3] == 4


def test_without_links_there_is_nothing_to_ask(wecom, pull_of):
    links(wecom)
    commit, rows = pull_of(AcquisitionStatistic, window=ONE_DAY)
    assert (rows, commit.covered_dates, commit.not_ready_dates) == ({}, ONE_DAY[:1], ())


def test_the_documented_quota_is_one_row(wecom, pull_of):
    answer = {
        "total": 1000,
        "balance": 500,
        "quota_list": [{"expire_date": 1689350400, "balance": 500}],
    }
    wecom.get(f"{API}/customer_acquisition_quota", json={**OK, **answer})
    commit, rows = pull_of(AcquisitionQuota)
    [row] = rows[TODAY]
    assert (row["corpid"], row["total"], row["balance"]) == ("ww1", 1000, 500)
    assert json.loads(row["quota_list"]) == answer["quota_list"]
    assert commit.unknown_fields == ()


WAY = {
    "config_id": "42b34949e138eb6e027c123cba77fAAA",
    "type": 1,
    "scene": 1,
    "style": 2,
    "remark": "张三的渠道",
    "skip_verify": True,
    "state": "teststate",
    "qr_code": "http://p.qpic.cn/wwhead/duc2TvpEgSdicZ9RrdUtBkv2UiaA/0",
    "user": ["zhangsan", "lisi", "wangwu"],
    "party": [2, 3],
    "is_temp": True,
    "expires_in": 86400,
    "chat_expires_in": 86400,
    "unionid": "oxTWIuGaIt6gTKsQRLau2M0AAAA",
    "mark_source": True,
    "conclusions": {"text": {"content": "文本消息内容"}},
}


def ways(platform, *ids):
    listed = [{"config_id": one} for one in ids]
    says(platform, "externalcontact/list_contact_way", {"contact_way": listed})


@pytest.mark.parametrize("wrapped", [WAY, [WAY]])
def test_the_documented_contact_way_lands_without_its_remark(wecom, pull_of, wrapped):
    ways(wecom, WAY["config_id"])
    says(wecom, "externalcontact/get_contact_way", {"contact_way": wrapped})
    commit, rows = pull_of(ContactWay)
    [row] = rows[TODAY]
    assert (row["state"], row["type"], row["scene"]) == ("teststate", 1, 1)
    assert json.loads(row["user"]) == ["zhangsan", "lisi", "wangwu"]
    assert json.loads(row["party"]) == [2, 3]
    assert commit.unknown_fields == ()
    assert not any(text in everything(rows) for text in ("张三的", "oxTWIu", "文本"))
    [body] = bodies(wecom, "list_contact_way")
    # without times, only the last 90 days would come
    assert body["start_time"] == int(datetime.fromisoformat("2021-07-10T00:00+08:00").timestamp())


def test_a_known_contact_way_is_read_again_once_a_week(platform, pull_of):
    asked = []
    for number in range(8):
        platform.reset()
        platform.assert_all_requests_are_fired = False
        platform.get(f"{BASE}/cgi-bin/gettoken", json={**OK, "access_token": f"t{number}"})
        ways(platform, WAY["config_id"])
        says(platform, "externalcontact/get_contact_way", {"contact_way": WAY})
        _, rows = pull_of(ContactWay, as_of=AS_OF + timedelta(number))
        asked.append(len(bodies(platform, "get_contact_way")))
        [row] = rows[TODAY + timedelta(number)]
        assert (row["state"], json.loads(row["party"])) == ("teststate", [2, 3])
    assert asked[0] == 1
    assert sum(asked[1:]) == 1


def test_a_contact_way_removed_meanwhile_is_left_out(wecom, pull_of):
    ways(wecom, "x")
    wecom.post(f"{API}/get_contact_way", json={"errcode": 41044})
    _, rows = pull_of(ContactWay)
    assert rows == {}
