import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from responses.matchers import json_params_matcher
from vendor_accounts import AS_OF, BASE, SECRET, TODAY, YESTERDAY

from extractors.core.errors import ApiError, AuthenticationError
from extractors.core.manifest import Manifest
from siyu.calendar import at

ARTICLES = f"{BASE}/datacube/getarticletotaldetail"
LIST, GET = f"{BASE}/channels/ec/order/list/get", f"{BASE}/channels/ec/order/get"


def detail(stat_date, readers, **also):
    return {
        "stat_date": stat_date,
        "read_user": readers,
        "share_user": 2,
        "zaikan_user": 1,
        "like_user": 3,
        "comment_count": 0,
        "collection_user": 4,
        "praise_money": 88,
        "read_subscribe_user": 1,
        "read_delivery_rate": 0.12,
        "read_finish_rate": 0.5,
        "read_avg_activetime": 1.5,
        "read_user_source": [{"user_count": readers, "scene_desc": "全部"}],
        "read_jump_position": [{"position": 1, "rate": 0.3}],
        **also,
    }


def published(day, *articles, is_delay=False):
    return {
        "is_delay": is_delay,
        "list": [
            {
                "ref_date": day.isoformat(),
                "msgid": msgid,
                "publish_type": 0,
                "title": "标题",
                "content_url": "http://mp",
                "detail_list": rows,
            }
            for msgid, rows in articles
        ],
    }


def articles_of(platform, day, answer):
    asked = {"begin_date": day.isoformat(), "end_date": day.isoformat()}
    platform.post(ARTICLES, json=answer, match=[json_params_matcher(asked)])


def test_articles_land_every_cumulative_row_and_count_only_the_newest(weixin, run):
    day = TODAY - timedelta(3)
    articles_of(
        weixin,
        day,
        published(
            day,
            ("100_1", [detail("2026-04-11", 10), detail("2026-04-12", 15)]),
            ("100_2", [detail("2026-04-12", "7")]),
        ),
    )
    commit, rows = run("wechat_oa", "article_total_detail", window=(day, day))
    assert [(r["msgid"], r["stat_date"], r["read_user"]) for r in rows[day]] == [
        ("100_1", date(2026, 4, 11), 10),
        ("100_1", date(2026, 4, 12), 15),
        ("100_2", date(2026, 4, 12), 7),
    ]
    assert [(a.event_date, a.measure, a.value) for a in commit.arrivals] == [(day, "read_user", 22)]
    assert json.loads(rows[day][0]["read_user_source"])[0]["user_count"] == 10
    assert rows[day][0]["praise_money"] == 88
    assert commit.unknown_fields == ()


def test_articles_are_asked_for_one_day_of_publication_at_a_time(weixin, run):
    first = YESTERDAY - timedelta(2)
    for day in (first, first + timedelta(1), YESTERDAY):
        articles_of(weixin, day, published(day))
    commit, _ = run("wechat_oa", "article_total_detail", window=(first, YESTERDAY))
    assert len(commit.covered_dates) == 3
    # nothing was published: the source said so, and zero readers are known
    assert {a.value for a in commit.arrivals} == {0}


def test_is_delay_is_landed_and_a_day_not_computed_is_not_ready(weixin, run):
    before = YESTERDAY - timedelta(1)
    articles_of(
        weixin, before, published(before, ("1_1", [detail("2026-04-12", 5)]), is_delay=True)
    )
    articles_of(weixin, YESTERDAY, {"errcode": 61503, "errmsg": "not ready"})
    commit, rows = run("wechat_oa", "article_total_detail", window=(before, YESTERDAY))
    assert rows[before][0]["is_delay"] is True
    assert (commit.covered_dates, commit.not_ready_dates) == ((before,), (YESTERDAY,))


def test_fields_added_later_may_be_missing(weixin, run):
    answer = published(YESTERDAY, ("1_1", [detail("2026-04-13", 5)]))
    del answer["list"][0]["title"], answer["list"][0]["content_url"]
    articles_of(weixin, YESTERDAY, answer)
    _, rows = run("wechat_oa", "article_total_detail", window=(YESTERDAY, YESTERDAY))
    assert rows[YESTERDAY][0]["title"] is None


def test_a_used_up_quota_is_not_retried(weixin, run, clocks):
    weixin.post(ARTICLES, json={"errcode": 45009})
    with pytest.raises(ApiError, match=r"45009.*next day"):
        run("wechat_oa", "article_total_detail", window=(YESTERDAY, YESTERDAY))
    assert clocks[-1].slept == []


@pytest.mark.parametrize("code", [40001, 40013, 40125])
def test_a_wrong_secret_is_named_by_its_variable(platform, run, code):
    platform.post(f"{BASE}/cgi-bin/stable_token", json={"errcode": code})
    with pytest.raises(AuthenticationError, match="SIYU_SECRET_WECHAT_OA_OA_MAIN") as caught:
        run("wechat_oa", "article_total_detail", window=(YESTERDAY, YESTERDAY))
    assert SECRET not in str(caught.value)


def test_a_new_stable_token_is_forced_only_where_the_current_one_is_refused(platform, run):
    def token(name, *, forced):
        platform.post(
            f"{BASE}/cgi-bin/stable_token",
            json={"access_token": name, "expires_in": 100},
            match=[json_params_matcher({"force_refresh": forced}, strict_match=False)],
        )

    token("old", forced=False)
    platform.post(f"{ARTICLES}?access_token=old", json={"errcode": 40001})
    token("new", forced=True)
    platform.post(f"{ARTICLES}?access_token=new", json=published(YESTERDAY))
    commit, _ = run("wechat_oa", "article_total_detail", window=(YESTERDAY, YESTERDAY))
    # two tokens asked for (the plain one gave the refused one again), two calls
    assert commit.requests == 5


def order(order_id="3704612354559743232", created="2026-04-13T09:00:00+08:00", **also):
    created_s = int(datetime.fromisoformat(created).timestamp())
    base = {
        "order_id": order_id,
        "status": 20,
        "openid": "oPEN",
        "unionid": "oUNI",
        "create_time": created_s,
        "update_time": created_s + 60,
        "is_present": False,
        "order_detail": {
            "product_infos": [
                {
                    "product_id": "1",
                    "sku_id": "2",
                    "sku_cnt": 1,
                    "sale_price": 1300,
                    "title": "面霜",
                }
            ],
            "pay_info": {
                "prepay_id": "p",
                "pay_time": created_s + 50,
                "transaction_id": "t",
                "payment_method": 1,
            },
            "price_info": {
                "product_price": 1300,
                "order_price": "1250",
                "freight": 0,
                "discounted_price": 50,
                "is_discounted": True,
                "merchant_receieve_price": 1250,
                "vip_discounted_price": 1,
            },
            "delivery_info": {"address_info": {"user_name": "王五", "tel_number": "138****0001"}},
            "ext_info": {"order_scene": 2, "live_id": "lv1", "customer_notes": "电话13900000000"},
        },
        "aftersale_detail": {"on_aftersale_order_cnt": 0},
    }
    return base | also


def orders(platform, *found):
    platform.post(
        LIST,
        json={
            "errcode": 0,
            "has_more": False,
            "next_key": "",
            "order_id_list": [one["order_id"] for one in found],
        },
    )
    for one in found:
        platform.post(
            GET,
            json={"errcode": 0, "order": one},
            match=[json_params_matcher({"order_id": one["order_id"]})],
        )


def seconds(moment):
    return int(moment.timestamp())


def test_an_order_lands_in_fen_on_the_day_it_was_made_without_the_buyer(weixin, run):
    orders(weixin, order(created="2026-04-13T00:10:00+08:00"))  # still the 12th in UTC
    commit, rows = run("wechat_store", "order")
    [row] = rows[YESTERDAY]
    assert (row["order_id"], row["order_price"], row["order_scene"], row["live_id"]) == (
        "3704612354559743232",
        1250,
        2,
        "lv1",
    )
    assert row["create_time"] == datetime(2026, 4, 12, 16, 10, tzinfo=UTC)
    assert row["pay_time"] is not None
    text = json.dumps(row, default=str, ensure_ascii=False)
    for personal in ("oPEN", "oUNI", "王五", "138****", "13900000000"):
        assert personal not in text
    assert commit.unknown_fields == ()
    assert {(a.event_date, a.measure, a.value) for a in commit.arrivals} == {
        (YESTERDAY, "orders", 1),
        (YESTERDAY, "order_price", 1250),
    }


def test_an_unpaid_order_has_no_pay_time_and_is_not_counted(weixin, run):
    unpaid = order(status=10)
    unpaid["order_detail"]["pay_info"] = {"pay_time": 0}
    orders(weixin, unpaid)
    commit, rows = run("wechat_store", "order")
    assert rows[YESTERDAY][0]["pay_time"] is None
    assert {a.value for a in commit.arrivals} == {0}


def test_orders_follow_on_by_time_of_change_with_an_hour_of_overlap(weixin, run):
    since = at(date(2026, 4, 13), datetime.fromisoformat("2026-04-13T10:30:00").time())
    orders(weixin)
    run("wechat_store", "order", as_of=AS_OF - timedelta(1))
    first_windows = len(weixin.calls)
    weixin.post(LIST, json={"errcode": 0, "has_more": False, "order_id_list": []})
    run("wechat_store", "order")
    asked = [json.loads(call.request.body) for call in weixin.calls][first_windows:]
    ranges = [body["update_time_range"] for body in asked if "update_time_range" in body]
    assert ranges[-1] == {"start_time": seconds(since) - 3600, "end_time": seconds(AS_OF)}
    # before it, what may have been released late: once per final status, and day by day
    late_from = seconds(AS_OF - timedelta(7))
    assert ranges.count({"start_time": late_from, "end_time": seconds(since) - 3601}) == 4
    late = [one for one in ranges[:-1] if one["end_time"] - one["start_time"] < 86400]
    late.sort(key=lambda one: one["start_time"])
    assert late[0]["start_time"] == late_from
    assert late[-1]["end_time"] == seconds(since) - 3601
    assert all(b["start_time"] == a["end_time"] + 1 for a, b in pairwise(late))


def shop(platform, *found):
    """Answers lists by update_time and status, and details, as the platform would."""

    def listing(request):
        body = json.loads(request.body)
        span = body["update_time_range"]
        ids = [
            one["order_id"]
            for one in found
            if span["start_time"] <= one["update_time"] <= span["end_time"]
            and body.get("status") in (None, one["status"])
        ]
        return 200, {}, json.dumps({"errcode": 0, "has_more": False, "order_id_list": ids})

    def detail_of(request):
        asked = json.loads(request.body)["order_id"]
        [one] = [one for one in found if one["order_id"] == asked]
        return 200, {}, json.dumps({"errcode": 0, "order": one})

    for url, callback in ((LIST, listing), (GET, detail_of)):
        platform.remove("POST", url)
        platform.add_callback("POST", url, callback)


def details_asked(platform):
    return [
        json.loads(call.request.body)["order_id"]
        for call in platform.calls
        if "/order/get" in call.request.url
    ]


def changed(one, *, hours_ago, **also):
    return one | {"update_time": seconds(AS_OF) - int(hours_ago * 3600), **also}


def test_an_order_released_late_with_an_old_update_time_is_found(weixin, run):
    weixin.assert_all_requests_are_fired = False
    known = changed(order("1"), hours_ago=60)
    shop(weixin, known)
    run("wechat_store", "order", as_of=AS_OF - timedelta(1))
    # made and changed before the last pull, shown only now
    late = changed(order("2", created="2026-04-10T09:00:00+08:00"), hours_ago=90)
    shop(weixin, known, late)
    before = len(details_asked(weixin))
    commit, rows = run("wechat_store", "order")
    assert [row["order_id"] for row in rows[date(2026, 4, 10)]] == ["2"]
    assert details_asked(weixin)[before:] == ["2"], "what was landed is not read again"
    assert commit.rows == 1


@pytest.mark.parametrize(
    ("seen", "then"),
    [
        # its newest version lies on another day
        ({"hours_ago": 80, "status": 20}, {"hours_ago": 50, "status": 30}),
        # paid on the day it was made
        ({"hours_ago": 50, "status": 10}, {"hours_ago": 49.9, "status": 20}),
        # refunded whole on the day it was paid
        ({"hours_ago": 50, "status": 20}, {"hours_ago": 49.9, "status": 200}),
    ],
)
def test_a_change_released_late_is_found(weixin, run, seen, then):
    weixin.assert_all_requests_are_fired = False
    one = order("1", created="2026-04-10T09:00:00+08:00")
    shop(weixin, changed(one, **seen))
    run("wechat_store", "order", as_of=AS_OF - timedelta(1))
    shop(weixin, changed(one, **then))
    _, rows = run("wechat_store", "order")
    assert [row["status"] for row in rows[date(2026, 4, 10)]] == [then["status"]]


def test_a_quiet_shop_costs_a_dozen_lists_and_no_detail(weixin, run):
    weixin.assert_all_requests_are_fired = False
    known = [changed(order(str(n)), hours_ago=30 + n, status=20 + n % 2) for n in range(50)]
    shop(weixin, *known)
    run("wechat_store", "order", as_of=AS_OF - timedelta(1))
    before = len(details_asked(weixin))
    commit, _ = run("wechat_store", "order")
    assert len(details_asked(weixin)) == before
    assert (commit.rows, commit.requests) == (0, 12)


def test_a_backfill_between_two_pulls_hides_no_change_from_the_second(weixin, run):
    orders(weixin)
    run("wechat_store", "order", as_of=AS_OF - timedelta(2))
    run(
        "wechat_store",
        "order",
        as_of=AS_OF - timedelta(hours=3),
        window=(YESTERDAY - timedelta(9), YESTERDAY - timedelta(8)),
    )
    run("wechat_store", "order")
    asked = [json.loads(call.request.body) for call in weixin.calls if "/list/" in call.request.url]
    assert asked[-1]["update_time_range"]["start_time"] == seconds(AS_OF - timedelta(2)) - 3600


def test_no_window_of_change_exceeds_seven_days_and_none_leaves_a_gap(weixin, run):
    orders(weixin)
    run("wechat_store", "order")
    ranges = [
        json.loads(c.request.body)["update_time_range"]
        for c in weixin.calls
        if b"update_time_range" in (c.request.body or b"")
    ]
    assert len(ranges) == 5  # thirty days
    assert all(r["end_time"] - r["start_time"] <= 7 * 86400 for r in ranges)
    assert all(b["start_time"] == a["end_time"] + 1 for a, b in pairwise(ranges))
    assert ranges[-1]["end_time"] == seconds(AS_OF)


def test_a_backfill_asks_by_day_of_creation(weixin, run):
    orders(weixin, order())
    commit, _ = run("wechat_store", "order", window=(YESTERDAY, YESTERDAY))
    asked = next(json.loads(c.request.body) for c in weixin.calls if "/list/" in c.request.url)
    assert asked["create_time_range"]["start_time"] == seconds(at(YESTERDAY, datetime.min.time()))
    assert commit.covered_dates == (YESTERDAY,)


def test_order_lists_are_paged_by_next_key(weixin, run):
    for key, ids, more in (("", ["1"], True), ("k", ["2"], False)):
        weixin.post(
            LIST,
            json={"errcode": 0, "has_more": more, "next_key": "k", "order_id_list": ids},
            match=[json_params_matcher({"next_key": key, "page_size": 100}, strict_match=False)],
        )
    for order_id in "12":
        weixin.post(
            GET,
            json={"errcode": 0, "order": order(order_id)},
            match=[json_params_matcher({"order_id": order_id})],
        )
    commit, _ = run("wechat_store", "order", window=(YESTERDAY, YESTERDAY))
    assert commit.rows == 2


def test_a_changed_order_lands_again_and_is_counted_once_at_its_newest(weixin, run, settings):
    orders(weixin, order())
    run("wechat_store", "order", as_of=AS_OF - timedelta(hours=10))
    cheaper = order(status=200, update_time=seconds(AS_OF) - 60)
    cheaper["order_detail"]["price_info"]["order_price"] = 1000
    for call in (LIST, GET):
        weixin.remove("POST", call)
    orders(weixin, cheaper, order("42"))
    commit, _ = run("wechat_store", "order")
    assert {(a.measure, a.value) for a in commit.arrivals} == {("orders", 2), ("order_price", 2250)}
    assert len(Manifest(settings.landing_address).live_files("wechat_store", "order")) == 2


def test_an_unknown_part_of_an_order_is_kept_with_its_path(weixin, run):
    strange = order()
    strange["order_detail"]["gift_info"] = {"count": 2}
    strange["order_detail"]["ext_info"]["channel_code"] = "c9"
    orders(weixin, strange)
    commit, rows = run("wechat_store", "order")
    assert commit.unknown_fields == ("order_detail.ext_info.channel_code", "order_detail.gift_info")
    assert json.loads(rows[YESTERDAY][0]["_extra"])["order_detail.gift_info"] == {"count": 2}
