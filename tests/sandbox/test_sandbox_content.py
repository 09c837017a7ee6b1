"""Official account and store beyond articles and orders, against the contract and the truth."""

import json
from datetime import date

import pandas as pd
import pytest
from sandbox_api import moment, seconds

DAY = "2026-04-20"  # asked on the morning after
LEGACY = (
    "getarticlesummary getarticletotal getuserread getuserreadhour getusershare getusersharehour"
)


@pytest.fixture
def oa(api):
    api.at("2026-04-21")
    token = api.weixin_token("wechat_oa", "oa_main")

    def ask(name: str, begin: str = DAY, end: str | None = None) -> dict:
        body = {"begin_date": begin, "end_date": end or begin}
        return api.post(f"/datacube/{name}", body, access_token=token)

    return ask


@pytest.fixture
def shop(api):
    api.at("2026-04-21")
    token = api.weixin_token("wechat_store", "shop_main")
    return lambda path, body: api.post(f"/channels/{path}", body, access_token=token)


def of_day(frame: pd.DataFrame, day: str = DAY, column: str = "date") -> pd.DataFrame:
    return frame[frame[column].astype(str) == day]


def test_reads_and_shares_of_a_day_are_what_the_day_added(api, truth):
    api.at("2026-04-22")  # DAY is one of the late ones
    token = api.weixin_token("wechat_oa", "oa_main")
    body = {"begin_date": DAY, "end_date": DAY}

    def oa(name: str) -> dict:
        return api.post(f"/datacube/{name}", body, access_token=token)

    assert of_day(truth["oa_content_days"]).is_late.item()
    rows = truth["article_days"].sort_values(["msgid", "stat_date"])
    for counter, name in (("read_user", "getarticleread"), ("share_user", "getarticleshare")):
        added = rows[counter] - rows.groupby("msgid")[counter].shift(fill_value=0)
        expected = {
            row.msgid: value
            for row, value in zip(rows.itertuples(), added, strict=True)
            if str(row.stat_date) == DAY and value > 0
        }
        answer = oa(name)
        shown = {r["msgid"]: r["detail"][counter] for r in answer["list"]}
        assert answer["is_delay"] is False
        assert len(expected) >= 3
        assert shown == expected
    sources = oa("getarticleread")["list"][0]["detail"]["read_user_source"]
    total = [s["user_count"] for s in sources if s["scene_desc"] == "全部"]
    assert total == [sum(s["user_count"] for s in sources if s["scene_desc"] != "全部")]


def test_a_late_day_says_so_and_is_final_the_morning_after(api, truth):
    late = truth["oa_content_days"].query("is_late").iloc[0]
    day = str(late.date)
    api.at(str(late.date + pd.Timedelta(days=1)))
    token = api.weixin_token("wechat_oa", "oa_main")
    body = {"begin_date": day, "end_date": day}
    first = api.post("/datacube/getbizsummary", body, access_token=token)
    api.at(str(late.date + pd.Timedelta(days=2)))
    token = api.weixin_token("wechat_oa", "oa_main")
    final = api.post("/datacube/getbizsummary", body, access_token=token)

    assert first["is_delay"] is True
    assert final["is_delay"] is False
    [row] = final["list"]
    assert row["detail"]["read_user"] == late.read_user
    assert row["detail"]["send_page_count"] == late.send_page_count
    assert first["list"][0]["detail"]["read_user"] < late.read_user


def test_followers_by_source_add_up_to_the_cumulated_ones(oa, truth):
    rows = oa("getusersummary", "2026-04-14", DAY)["list"]
    total = oa("getusercumulate", "2026-04-14", DAY)["list"]
    facts = truth["oa_user_days"]

    assert {(r["ref_date"], r["user_source"]): r["new_user"] for r in rows} == {
        (str(f.date), f.user_source): f.new_user
        for f in facts.itertuples()
        if "2026-04-14" <= str(f.date) <= DAY and (f.new_user or f.cancel_user)
    }
    by_day = {t["ref_date"]: t["cumulate_user"] for t in total}
    net = sum(r["new_user"] - r["cancel_user"] for r in rows if r["ref_date"] == DAY)
    assert by_day[DAY] - by_day["2026-04-19"] == net
    assert len(by_day) == 7


def test_messages_agree_by_day_hour_and_interval(oa, truth):
    [day] = [oa("getupstreammsg")["list"]]
    hours = oa("getupstreammsghour")["list"]
    facts = of_day(truth["oa_message_days"])

    assert {r["msg_type"]: r["msg_count"] for r in day} == {
        f.msg_type: f.msg_count for f in facts.itertuples() if f.msg_count
    }
    assert sum(r["msg_count"] for r in hours) == sum(r["msg_count"] for r in day)
    assert {r["ref_hour"] for r in hours} <= set(range(0, 2400, 100))
    spread = oa("getupstreammsgdist")["list"]
    assert {r["count_interval"] for r in spread} <= {1, 2, 3}
    assert sum(r["msg_user"] for r in spread) == facts.msg_user.sum()
    week = oa("getupstreammsgweek", "2026-04-13")["list"]
    assert {r["ref_date"] for r in week} == {"2026-04-13"}
    assert sum(r["msg_count"] for r in week) > sum(r["msg_count"] for r in day)
    month = oa("getupstreammsgdistmonth", "2026-03-01")["list"]
    assert month[0]["ref_date"] == "2026-03-01"


@pytest.mark.parametrize(
    ("name", "begin", "end", "code"),
    [
        ("getarticleread", "2026-04-19", DAY, 61501),
        ("getarticleread", "2025-10-31", None, 61500),
        ("getbizsummary", "2026-03-10", DAY, 61501),
        ("getusersummary", "2026-04-13", DAY, 61501),
        ("getusercumulate", "2026-04-21", None, 61500),
        ("getupstreammsghour", "2026-04-19", DAY, 61501),
        ("getupstreammsgweek", "2026-04-14", None, 61500),
        ("getupstreammsgweek", "2026-04-20", None, 61503),
        ("getupstreammsgmonth", "2026-04-01", None, 61503),
        ("getusersummary", "20260420", "2026", 61500),
    ],
)
def test_spans_and_dates_are_held(oa, name, begin, end, code):
    assert oa(name, begin, end)["errcode"] == code


def test_before_eight_yesterday_is_not_computed(api):
    api.at("2026-04-21T07:59")
    token = api.weixin_token("wechat_oa", "oa_main")
    body = {"begin_date": DAY, "end_date": DAY}
    for name in ("getarticleread", "getusersummary", "getupstreammsg"):
        assert api.post(f"/datacube/{name}", body, access_token=token)["errcode"] == 61503


@pytest.mark.parametrize("name", LEGACY.split())
def test_the_old_article_endpoints_are_offline(oa, name):
    assert oa(name)["errcode"] == 47009


# ------------------------------------------------------------------------------------- store
def cases(shop, day: str) -> list[dict]:
    window = {"begin_create_time": seconds(day), "end_create_time": seconds(day) + 86_399}
    found, key = [], ""
    while True:
        page = shop("ec/aftersale/getaftersalelist", window | {"next_key": key})
        found += page["after_sale_order_id_list"]
        if not page["has_more"]:
            break
        key = page["next_key"]
    return [
        shop("ec/aftersale/getaftersaleorder", {"after_sale_order_id": i})["after_sale_order"]
        for i in found
    ]


def test_aftersales_are_those_of_the_truth(shop, truth):
    facts = truth["aftersales"]
    now = pd.Timestamp(moment("2026-04-21"))
    seen = 0
    busy = facts[facts.happened_at < now].created_date.astype(str).value_counts()
    for day in busy.index[:3]:
        expected = of_day(facts, day, "created_date").set_index("after_sale_order_id")
        shown = {c["after_sale_order_id"]: c for c in cases(shop, day)}
        assert set(shown) == set(expected.index)
        for number, case in shown.items():
            fact = expected.loc[number]
            assert case["order_id"] == fact.order_id
            assert case["refund_info"]["amount"] == fact.amount_fen
            is_decided = fact.decided_at <= now
            assert (case["status"] == fact.final_status) == is_decided
            assert (case["update_time"] > case["create_time"]) == is_decided
            seen += 1
    assert seen >= 5


def test_the_world_refunds_six_percent_a_fifth_of_them_partly(truth):
    orders, facts = truth["orders"], truth["aftersales"]
    refunds = facts[facts.refund_fen > 0]

    assert 0.03 < len(refunds) / orders.paid_at.notna().sum() < 0.10
    assert 0.05 < refunds.is_partial.mean() < 0.45
    refused = set(facts[facts.refund_fen == 0].final_status)
    assert refused <= {"MERCHANT_REJECT_REFUND", "USER_CANCELD"}
    given = orders.set_index("order_id").refund_fen[refunds.order_id]
    assert given.tolist() == refunds.refund_fen.tolist()


def test_aftersales_take_at_most_a_day_and_known_ids(shop):
    start = seconds(DAY)
    window = {"begin_create_time": start, "end_create_time": start + 86_401, "next_key": ""}
    assert shop("ec/aftersale/getaftersalelist", window)["errcode"] == 40097
    assert shop("ec/aftersale/getaftersaleorder", {"after_sale_order_id": "1"})["errcode"] == 100002


def test_the_compass_counts_in_strings_what_was_paid_and_came_back(shop, truth):
    orders = truth["orders"]
    paid = orders[orders.paid_at.dt.tz_convert("Asia/Shanghai").dt.date.astype(str) == DAY]
    data = shop("ec/compass/shop/overall/get", {"ds": "20260420"})["data"]

    assert {type(v) for v in data.values()} == {str}
    assert int(data["pay_gmv"]) == paid.order_price_fen.sum()
    assert int(data["pay_order_cnt"]) == len(paid)
    assert int(data["pay_uv"]) == paid.external_userid.nunique()
    assert int(data["live_pay_gmv"]) == paid[paid.order_scene == 2].order_price_fen.sum()
    finder = shop("ec/compass/finder/overall/get", {"ds": "20260420"})["data"]
    parts = [int(v) for k, v in finder.items() if k != "pay_gmv"]
    assert sum(parts) == int(finder["pay_gmv"]) == paid.order_price_fen.sum()


def test_refunds_move_an_old_day_of_the_compass(api, truth):
    orders = truth["orders"].dropna(subset=["refunded_at"])
    order = orders[orders.refunded_at - orders.paid_at > pd.Timedelta(days=3)].iloc[0]
    paid, refunded = (
        pd.Timestamp(m).tz_convert("Asia/Shanghai") for m in (order.paid_at, order.refunded_at)
    )

    def shown(when):
        api.at(when.strftime("%Y-%m-%dT%H:%M:%S"))
        token = api.weixin_token("wechat_store", "shop_main")
        body = {"ds": paid.strftime("%Y%m%d")}
        answer = api.post("/channels/ec/compass/shop/overall/get", body, access_token=token)
        return int(answer["data"]["pay_refund_gmv"])

    before = shown(refunded - pd.Timedelta(minutes=1))
    assert shown(refunded.ceil("s")) >= before + order.refund_fen


def test_a_compass_day_is_empty_before_eight(api):
    api.at("2026-04-21T07:00")
    token = api.weixin_token("wechat_store", "shop_main")

    def ask(ds):
        path = "/channels/ec/compass/shop/overall/get"
        return api.post(path, {"ds": ds}, access_token=token)

    assert ask("20260420")["data"] == {}
    assert ask("20260419")["data"]["pay_gmv"]
    assert ask("20260421")["errcode"] == 40097
    assert ask("yesterday")["errcode"] == 40097


def test_siblings_of_the_compass(shop, truth):
    product = shop(
        "ec/compass/shop/product/data/get", {"ds": "20260420", "product_id": "10000021330001"}
    )["product_info"]
    assert isinstance(product["data"]["pay_gmv"], str)
    assert isinstance(product["data"]["pay_refund_ratio"], (int, float))
    days = truth["live_sessions"].query("gmv_fen > 0").date
    day = days[days < date(2026, 4, 20)].iloc[-1]
    asked = {"ds": day.strftime("%Y%m%d")}
    [finder] = shop("ec/compass/shop/finder/list/get", asked)["finder_list"]
    assert int(finder["data"]["pay_gmv"]) > 0
    asked["finder_id"] = finder["finder_id"]
    live = shop("ec/compass/shop/live/list/get", asked)["live_list"]
    sessions = of_day(truth["live_sessions"], str(day))
    assert [s["live_id"] for s in live] == sessions.live_id.tolist()


def test_live_data_is_text_inside_text_and_meets_the_orders(shop, truth):
    sessions = of_day(truth["live_sessions"], "2026-04-16")
    items = shop("livedashboard/getlivelist", {"ds": 20260416})["live_items"]
    assert [i["export_id"] for i in items] == sessions.export_id.tolist()
    orders = truth["orders"].dropna(subset=["live_id", "paid_at"])
    for item, fact in zip(items, sessions.itertuples(), strict=True):
        data = shop("livedashboard/getlivedata", {"export_id": item["export_id"]})
        assert data["live_ec_profile"] == "{}"
        summary = json.loads(data["live_dashboard_data"])["summary"]
        money = json.loads(data["live_ec_data_summary"])
        sold = orders[orders.live_id == fact.live_id]
        assert summary["new_watch_uv"] == fact.new_watch_uv
        assert money["total_gmv"] == sold.order_price_fen.sum() == fact.gmv_fen
        assert money["total_pay_pv"] == len(sold)
    assert truth["live_sessions"].gmv_fen.sum() > 0


def test_sold_in_the_live_room_means_while_it_ran(truth):
    orders = (
        truth["orders"]
        .dropna(subset=["live_id"])
        .merge(truth["live_sessions"], on="live_id", suffixes=("", "_live"))
    )
    assert len(orders) > 20
    assert orders.happened_at.between(orders.happened_at_live, orders.ended_at).all()


def test_titles_tell_the_purpose_and_a_sixth_is_used_again(truth):
    for name in ("articles", "videos"):
        posts = truth[name]
        assert 0.05 < posts.is_repeated.mean() < 0.35
        for title, group in posts.groupby("title"):
            assert group.purpose.nunique() == 1, title
            assert group.is_repeated.sum() == len(group) - 1, title
