"""Official account and store: tokens, article details, orders."""

import pandas as pd
import pytest
from sandbox_api import days_between, seconds

OA = "/datacube/getarticletotaldetail"


def test_a_new_plain_token_kills_the_one_before_and_a_stable_one_does_not(api):
    api.at("2026-04-15")
    app = api.account("wechat_oa", "oa_main")
    query = {
        "grant_type": "client_credential",
        "appid": app["options"]["appid"],
        "secret": app["credentials"]["secret"],
    }
    body = {"begin_date": "2026-04-10", "end_date": "2026-04-10"}
    first = api.get("/cgi-bin/token", **query)["access_token"]
    assert "list" in api.post(OA, body, access_token=first)

    second = api.get("/cgi-bin/token", **query)["access_token"]

    assert api.post(OA, body, access_token=first)["errcode"] == 40001
    assert "list" in api.post(OA, body, access_token=second)
    stable = api.post("/cgi-bin/stable_token", query)
    assert api.post("/cgi-bin/stable_token", query)["access_token"] == stable["access_token"]
    assert "list" in api.post(OA, body, access_token=second)
    api.at("2026-04-15T11:00")
    stable = api.post("/cgi-bin/stable_token", query)
    api.now += pd.Timedelta(hours=1)
    api.http.put(f"{api.url}/_sandbox/clock", json={"now": api.now.isoformat()})
    left = api.post("/cgi-bin/stable_token", query)
    assert (left["access_token"], left["expires_in"]) == (stable["access_token"], 1800)
    api.http.put(f"{api.url}/_sandbox/clock", json={"now": "2026-04-15T13:00:00+08:00"})
    assert api.post(OA, body, access_token=stable["access_token"])["errcode"] == 42001


@pytest.mark.parametrize(
    ("change", "expected"), [({"appid": "wxother"}, 40013), ({"secret": "wrong"}, 40125)]
)
def test_wrong_app_credentials_are_refused(api, change, expected):
    app = api.account("wechat_oa", "oa_main")
    query = {
        "grant_type": "client_credential",
        "appid": app["options"]["appid"],
        "secret": app["credentials"]["secret"],
    }

    assert api.get("/cgi-bin/token", **(query | change))["errcode"] == expected


def test_article_rows_are_cumulative_and_one_is_added_each_morning(api, truth):
    first = truth["articles"].published_date.astype(str).iloc[0]
    day = pd.Timestamp(first)
    shown = {}
    for delay in (1, 2, 7, 30, 40):
        api.at(str((day + pd.Timedelta(days=delay)).date()))
        shown[delay] = api.articles(first)

    assert [len(shown[d]["list"][0]["detail_list"]) for d in shown] == [1, 2, 7, 30, 30]
    assert [shown[d]["is_delay"] for d in shown] == [True, False, False, False, False]
    assert "errcode" not in shown[1]
    facts = truth["article_days"].set_index("msgid")
    for article in shown[40]["list"]:
        mine = facts.loc[article["msgid"]]
        rows = article["detail_list"]
        assert [r["stat_date"] for r in rows] == mine.stat_date.astype(str).tolist()
        assert [r["read_user"] for r in rows] == mine.read_user.tolist()
        assert [r["praise_money"] for r in rows] == mine.praise_money_fen.tolist()
        total, *parts = rows[-1]["read_user_source"]
        assert total == {"user_count": rows[-1]["read_user"], "scene_desc": "全部"}
        assert sum(p["user_count"] for p in parts) == rows[-1]["read_user"]
        assert 0 < rows[-1]["read_delivery_rate"] < 1
        assert 0 < rows[-1]["read_avg_activetime"] < 5  # minutes


def test_articles_follow_the_curve_of_the_world(truth):
    days = truth["article_days"]
    known = days.read_user.groupby(days.groupby("msgid").cumcount()).sum()

    for stat_day, share in ((0, 0.55), (1, 0.72), (2, 0.81), (3, 0.87), (4, 0.91), (6, 0.95)):
        assert known[stat_day] / known[29] == pytest.approx(share, abs=0.015)


def test_yesterday_is_not_computed_before_eight(api):
    api.at("2026-04-15T07:59")
    early = api.articles("2026-04-14")
    api.at("2026-04-15T08:00")

    assert early["errcode"] == 61503
    assert "list" in api.articles("2026-04-14")


def test_refusals_of_the_article_endpoint(api):
    api.at("2026-04-15")
    token = api.weixin_token("wechat_oa", "oa_main")
    store_token = api.weixin_token("wechat_store", "shop_main")
    body = {"begin_date": "2026-04-10", "end_date": "2026-04-10"}

    assert api.articles("2026-04-09", "2026-04-10")["errcode"] == 61501
    assert api.articles("2026-4-9")["errcode"] == 61500
    assert api.articles("2026-04-15")["errcode"] == 61500
    assert api.articles("2025-10-31")["errcode"] == 61500
    assert api.post(OA, body)["errcode"] == 41001
    assert api.post(OA, body, access_token=store_token)["errcode"] == 48001
    assert api.post(OA, b"", access_token=token)["errcode"] == 44002
    assert api.post(OA, b"{", access_token=token)["errcode"] == 47001
    assert api.get(OA, access_token=token)["errcode"] == 43002
    assert api.http.post(f"{api.url}/cgi-bin{OA}").status_code == 404


def test_orders_are_listed_by_creation_and_described_in_fen(api, truth):
    api.at("2026-05-20")  # everything that happens to the orders of March has happened
    orders = truth["orders"].set_index("order_id")
    wanted = orders[orders.created_date.astype(str).isin(days_between("2026-03-10", "2026-03-16"))]

    ids = api.order_ids("2026-03-10", "2026-03-17", page_size=7)

    assert ids == wanted.index.tolist()
    assert len(ids) > 30
    for order_id in ids:
        order = api.store("get", {"order_id": order_id})["order"]
        fact = wanted.loc[order_id]
        price = order["order_detail"]["price_info"]
        assert (
            price["order_price"],
            price["product_price"],
            price["freight"],
            price["discounted_price"],
        ) == (
            fact.order_price_fen,
            fact.product_price_fen,
            fact.freight_fen,
            fact.discounted_price_fen,
        )
        assert order["create_time"] == int(fact.happened_at.timestamp())
        assert order["openid"] == fact.openid
        assert order.get("unionid") == (None if pd.isna(fact.unionid) else fact.unionid)
        pay = order["order_detail"]["pay_info"]
        assert pay.get("pay_time") == (
            None if pd.isna(fact.paid_at) else int(fact.paid_at.timestamp())
        )
        expected = (
            250
            if not pd.isna(fact.cancelled_at)
            else 200
            if fact.refund_fen == fact.order_price_fen
            else 100
        )
        assert order["status"] == expected


def test_an_order_lives_through_its_states_and_each_bumps_its_update_time(api, truth):
    order = (
        truth["orders"]
        .dropna(subset=["refunded_at", "shipped_at"])
        .query("refund_asked_at > shipped_at and refund_fen == order_price_fen")
        .iloc[0]
    )
    steps = [
        (order.happened_at, 10, 0),
        (order.paid_at, 20, 0),
        (order.shipped_at, 30, 0),
        (order.refund_asked_at, None, 1),
        (order.refunded_at, 200, 0),
    ]
    for when, status, on_aftersale in steps:
        api.at(when.ceil("s").tz_convert("Asia/Shanghai").strftime("%Y-%m-%dT%H:%M:%S"))
        day = str(api.now.date())
        shown = api.store("get", {"order_id": order.order_id})["order"]
        assert shown["update_time"] == int(when.timestamp())
        assert shown["aftersale_detail"]["on_aftersale_order_cnt"] == on_aftersale
        if status:
            assert shown["status"] == status
        window = {"start_time": seconds(day), "end_time": seconds(day) + 86_399}
        listed = api.store(
            "list/get", {"update_time_range": window, "page_size": 100, "next_key": ""}
        )["order_id_list"]
        assert order.order_id in listed


def test_an_order_is_unknown_before_it_is_placed(api, truth):
    order = truth["orders"].iloc[-1]
    api.at("2026-03-05")

    assert api.store("get", {"order_id": order.order_id})["errcode"] == 100002


def test_refusals_of_the_order_list(api):
    api.at("2026-04-15")
    window = {"start_time": seconds("2026-04-08"), "end_time": seconds("2026-04-15")}

    def ask(**changes):
        body = {"create_time_range": window, "page_size": 10, "next_key": ""} | changes
        return api.store("list/get", {k: v for k, v in body.items() if v is not None})["errcode"]

    assert ask() == 0
    assert ask(create_time_range=window | {"end_time": window["end_time"] + 1}) == 40097
    assert ask(create_time_range=None) == 40097
    assert ask(page_size=101) == 40097
    assert ask(next_key=None) == 40097
    assert ask(next_key="made-up") == 40097
    assert ask(status=20) == 0
    assert api.post("/channels/ec/order/list/get", {}, access_token="x")["errcode"] == 40001
    assert api.post("/channels/ec/order/list/get", {})["errcode"] == 41001
