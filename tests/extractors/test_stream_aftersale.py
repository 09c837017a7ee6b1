"""After-sales and the compass of a store."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from responses.matchers import json_params_matcher
from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY

from siyu.calendar import start_of

LIST = f"{BASE}/channels/ec/aftersale/getaftersalelist"
GET = f"{BASE}/channels/ec/aftersale/getaftersaleorder"
COMPASS = f"{BASE}/channels/ec/compass/shop/overall/get"


def seconds(moment):
    return int(moment.timestamp())


def case(
    case_id="2000000001", made=AS_OF - timedelta(hours=20), status="MERCHANT_PROCESSING", **also
):
    return {
        "after_sale_order_id": case_id,
        "order_id": "3704612354559743232",
        "status": status,
        "type": "REFUND",
        "refund_info": {"amount": 1250},
        "product_info": {"product_id": "1", "sku_id": "2", "count": 1},
        "reason": "INCORRECT_SELECTION",
        "create_time": seconds(made),
        "update_time": seconds(made) + 60,
        **also,
    }


@pytest.fixture
def shop(weixin):
    """Serves a dictionary of cases that the test changes."""
    cases: dict[str, dict] = {}
    weixin.assert_all_requests_are_fired = False

    def listing(request):
        body = json.loads(request.body)
        assert body["end_create_time"] - body["begin_create_time"] <= 86_400
        ids = [
            one
            for one, found in cases.items()
            if body["begin_create_time"] <= found["create_time"] <= body["end_create_time"]
        ]
        answer = {"errcode": 0, "after_sale_order_id_list": ids, "has_more": False, "next_key": ""}
        return 200, {}, json.dumps(answer)

    def detail(request):
        one = cases[json.loads(request.body)["after_sale_order_id"]]
        return 200, {}, json.dumps({"errcode": 0, "after_sale_order": one})

    weixin.add_callback("POST", LIST, listing)
    weixin.add_callback("POST", GET, detail)
    return cases


def details_asked(platform):
    return [
        json.loads(c.request.body)["after_sale_order_id"]
        for c in platform.calls
        if c.request.url.startswith(GET)
    ]


def values(commit):
    return {(a.event_date, a.measure): a.value for a in commit.arrivals}


def test_a_case_lands_in_fen_on_the_day_it_was_made_with_its_raw_state(shop, run):
    # 00:10 in Shanghai is still the day before in UTC
    made = datetime.fromisoformat("2026-04-13T00:10:00+08:00")
    shop["1"] = case("1", made, status="SOME_STATE_OF_TOMORROW")
    commit, rows = run("wechat_store", "aftersale")
    [row] = rows[YESTERDAY]
    assert (row["status"], row["type"], row["amount"], row["count"]) == (
        "SOME_STATE_OF_TOMORROW",
        "REFUND",
        1250,
        1,
    )
    assert row["create_time"] == datetime(2026, 4, 12, 16, 10, tzinfo=UTC)
    assert row["order_id"] == "3704612354559743232"
    # asked for, and no money has gone back yet
    assert values(commit) == {(YESTERDAY, "aftersales"): 1, (YESTERDAY, "amount"): 0}
    assert commit.unknown_fields == ()


def test_a_refund_seen_days_later_moves_the_day_it_was_asked_for(shop, run, weixin):
    made = AS_OF - timedelta(days=12)
    shop["1"] = case("1", made)
    run("wechat_store", "aftersale", as_of=AS_OF - timedelta(1))
    shop["1"] = case("1", made, "MERCHANT_REFUND_SUCCESS", update_time=seconds(AS_OF) - 60)
    commit, rows = run("wechat_store", "aftersale")
    day = (AS_OF - timedelta(days=12)).date()
    assert [row["status"] for row in rows[day]] == ["MERCHANT_REFUND_SUCCESS"]
    assert values(commit) == {(day, "aftersales"): 1, (day, "amount"): 1250}


def test_a_closed_case_is_read_once_and_an_open_one_again(shop, run, weixin):
    shop["paid"] = case("paid", status="MERCHANT_RETURN_SUCCESS")
    shop["open"] = case("open")
    run("wechat_store", "aftersale", as_of=AS_OF - timedelta(hours=5))
    before = len(details_asked(weixin))
    commit, rows = run("wechat_store", "aftersale")
    assert details_asked(weixin)[before:] == ["open"]
    assert (commit.rows, rows) == (0, {}), "a version that was landed is not landed again"


def test_a_case_released_late_is_found_for_a_week(shop, run):
    shop["1"] = case("1")
    run("wechat_store", "aftersale", as_of=AS_OF - timedelta(hours=10))
    shop["late"] = case("late", AS_OF - timedelta(days=6))
    _, rows = run("wechat_store", "aftersale")
    assert [row["after_sale_order_id"] for day in rows.values() for row in day] == ["late"]


def test_windows_of_a_day_leave_no_gap(weixin, run):
    weixin.post(LIST, json={"errcode": 0, "has_more": False, "after_sale_order_id_list": []})
    run("wechat_store", "aftersale", window=(date(2026, 4, 10), date(2026, 4, 12)))
    windows = sorted(
        (body["begin_create_time"], body["end_create_time"])
        for body in (json.loads(c.request.body) for c in weixin.calls)
        if "begin_create_time" in body
    )
    start = seconds(start_of(date(2026, 4, 10)))
    assert windows == [(start + n * 86_400, start + (n + 1) * 86_400) for n in range(3)]


def test_lists_are_paged_by_next_key_which_the_first_page_does_not_send(weixin, run):
    window = {
        "begin_create_time": seconds(start_of(YESTERDAY)),
        "end_create_time": seconds(start_of(TODAY)),
    }
    for key, ids, more in (({}, ["1"], True), ({"next_key": "k"}, ["2"], False)):
        weixin.post(
            LIST,
            json={
                "errcode": 0,
                "has_more": more,
                "next_key": "k" if more else "",
                "after_sale_order_id_list": ids,
            },
            match=[json_params_matcher(window | key)],
        )
    for one in "12":
        weixin.post(
            GET,
            json={"errcode": 0, "after_sale_order": case(one)},
            match=[json_params_matcher({"after_sale_order_id": one})],
        )
    commit, _ = run("wechat_store", "aftersale", window=(YESTERDAY, YESTERDAY))
    assert commit.rows == 2


def test_what_the_contract_does_not_know_of_a_case_keeps_its_path(shop, run):
    shop["1"] = case("1", refund_info={"amount": 5, "refund_reason": 3}, openid="oPEN")
    commit, rows = run("wechat_store", "aftersale")
    assert commit.unknown_fields == ("refund_info.refund_reason",)
    assert "oPEN" not in str(rows)


# ------------------------------------------------------------------------------------- compass
def compass(**data):
    return {"errcode": 0, "errmsg": "ok", "data": data}


FIGURES = {
    "pay_gmv": "1290000",
    "pay_uv": "88",
    "pay_order_cnt": "93",
    "pay_refund_gmv": "12500",
    "product_click_uv": "1200",
    "live_pay_gmv": "400000",
    "feed_pay_gmv": "0",
}


def test_the_compass_speaks_in_strings_and_fen(weixin, run):
    weixin.post(COMPASS, json=compass(**FIGURES), match=[json_params_matcher({"ds": "20260413"})])
    commit, rows = run("wechat_store", "compass_shop_overall", window=(YESTERDAY, YESTERDAY))
    [row] = rows[YESTERDAY]
    assert (row["ds"], row["pay_gmv"], row["pay_order_cnt"]) == (YESTERDAY, 1_290_000, 93)
    assert row["feed_pay_gmv"] == 0
    assert commit.unknown_fields == ()
    assert {(a.measure, a.value) for a in commit.arrivals} == {
        ("pay_gmv", 1_290_000),
        ("pay_order_cnt", 93),
    }


@pytest.mark.parametrize("answer", [compass(), {"errcode": 0}, compass(pay_gmv="")])
def test_a_compass_without_figures_is_not_computed_yet(weixin, run, answer):
    weixin.post(COMPASS, json=answer)
    commit, rows = run("wechat_store", "compass_shop_overall", window=(YESTERDAY, YESTERDAY))
    assert (rows, commit.covered_dates, commit.not_ready_dates) == ({}, (), (YESTERDAY,))
