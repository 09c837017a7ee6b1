"""Bills and fund flow, on the sample bodies of documents 93667 and 98100."""

import json
from datetime import UTC, datetime, timedelta

from vendor_accounts import AS_OF, BASE, TODAY, YESTERDAY
from wecom_answers import OK, bodies, everything, second

from extractors.wecom.payments import Bill, FundFlow

PAYMENT = {
    "transaction_id": "t1",
    "bill_type": 0,
    "trade_state": 1,
    "pay_time": second(YESTERDAY),
    "out_trade_no": "o1",
    "external_userid": "wm-clear",
    "total_fee": 100,
    "payee_userid": "zhangshan",
    "payment_type": 15,
    "mch_id": "123454",
    "remark": "备注",
    "commodity_list": [{"description": "手机", "amount": 1}],
    "total_refund_fee": 0,
    "contact_info": {"name": "王五", "phone": "13800000001", "address": "深圳"},
    "miniprogram_info": {"appid": "wx8b", "name": "商城"},
}
REFUNDED = PAYMENT | {
    "trade_state": 3,
    "total_refund_fee": 40,
    "refund_list": [
        {
            "out_refund_no": "r1",
            "refund_userid": "zhangshan",
            "refund_comment": "客户不满意",
            "refund_reqtime": 1605171790,
            "refund_status": 2,
            "refund_fee": 40,
        }
    ],
}
# a refund row: no trade_state, no commodities; out_trade_no and transaction_id are the payment's
REFUND = {
    "transaction_id": "t1",
    "bill_type": 1,
    "pay_time": second(YESTERDAY, 15 * 3600),
    "out_trade_no": "o1",
    "out_refund_no": "r1",
    "external_userid": "wm-clear",
    "total_fee": 40,
    "payee_userid": "zhangshan",
    "payment_type": 15,
    "mch_id": "123454",
    "remark": "退款",
    "total_refund_fee": 0,
}
URL = f"{BASE}/cgi-bin/externalpay/get_bill_list"
ONE_DAY = (YESTERDAY, YESTERDAY)


def bills(platform, *rows, **also):
    platform.post(URL, json={**OK, "bill_list": list(rows), **also})


def values(commit):
    return {(a.event_date, a.measure): a.value for a in commit.arrivals}


def test_the_documented_payment_lands_without_the_payers_address(wecom, pull_of):
    bills(wecom, REFUNDED)
    commit, rows = pull_of(Bill, window=ONE_DAY)
    [row] = rows[YESTERDAY]
    assert (row["bill_id"], row["total_fee"], row["trade_state"]) == ("t1", 100, 3)
    assert row["pay_time"] == datetime.fromtimestamp(second(YESTERDAY), UTC)
    assert json.loads(row["refunds"])[0]["refund_fee"] == 40
    assert json.loads(row["commodities"])[0]["amount"] == 1
    assert row["miniprogram_appid"] == "wx8b"
    assert (row["_extra"], commit.unknown_fields) == (None, ())
    clear = ("王五", "1380000", "深圳", "备注", "不满意", "wm-clear", "商城")
    assert not any(text in everything(rows) for text in clear)


def test_a_refund_is_a_row_of_its_own_beside_its_payment(wecom, pull_of):
    bills(wecom, REFUNDED, REFUND)
    commit, rows = pull_of(Bill, window=ONE_DAY)
    by_id = {row["bill_id"]: row for row in rows[YESTERDAY]}
    assert set(by_id) == {"t1", "r1"}
    assert (by_id["r1"]["bill_type"], by_id["r1"]["trade_state"]) == (1, None)
    assert values(commit) == {
        (YESTERDAY, "payments"): 1,
        (YESTERDAY, "refunds"): 1,
    }


def test_an_old_answer_without_bill_type_is_a_payment_and_knows_payer_info(wecom, pull_of):
    old = {k: v for k, v in PAYMENT.items() if k not in ("bill_type", "contact_info")}
    bills(wecom, old | {"payer_info": {"name": "王五"}})
    commit, rows = pull_of(Bill, window=ONE_DAY)
    assert (rows[YESTERDAY][0]["bill_id"], rows[YESTERDAY][0]["bill_type"]) == ("t1", None)
    assert values(commit)[YESTERDAY, "payments"] == 1
    assert commit.unknown_fields == ()


def test_an_empty_page_is_not_the_end(wecom, pull_of):
    bills(wecom, next_cursor="a")
    bills(wecom, PAYMENT, next_cursor="b")
    bills(wecom)  # no next_cursor: the end
    _, rows = pull_of(Bill, window=ONE_DAY)
    assert len(rows[YESTERDAY]) == 1
    assert [body.get("cursor") for body in bodies(wecom, "get_bill_list")] == [None, "a", "b"]


def test_the_last_month_is_read_again_in_windows_under_a_month(wecom, pull_of):
    for _ in range(2):
        bills(wecom)
    pull_of(Bill)
    asked = bodies(wecom, "get_bill_list")
    assert asked[0]["begin_time"] == second(TODAY - timedelta(31), 0)
    assert asked[-1]["end_time"] == int(AS_OF.timestamp())
    assert max(body["end_time"] - body["begin_time"] for body in asked) <= 28 * 86400
    assert asked[0]["end_time"] == asked[1]["begin_time"]


def test_only_what_is_new_or_changed_lands_again(wecom, pull_of):
    for answer in ((PAYMENT,), ()):
        bills(wecom, *answer)
    first, _ = pull_of(Bill)
    for answer in ((REFUNDED, REFUND, PAYMENT | {"transaction_id": "t2"}), ()):
        bills(wecom, *answer)
    second_, rows = pull_of(Bill, as_of=AS_OF + timedelta(1))
    assert {row["bill_id"]: row["trade_state"] for row in rows[YESTERDAY]} == {
        "t1": 3,
        "r1": None,
        "t2": 1,
    }
    for _ in range(2):
        bills(wecom, REFUNDED, REFUND)
    third, _ = pull_of(Bill, as_of=AS_OF + timedelta(2))
    assert (first.rows, second_.rows, third.rows) == (1, 3, 0)
    assert values(second_)[YESTERDAY, "payments"] == 2


def test_a_row_at_a_windows_edge_counts_once(wecom, pull_of):
    for _ in range(2):
        bills(wecom, PAYMENT)
    commit, _ = pull_of(Bill)
    assert commit.rows == 1


def test_a_bill_without_a_time_is_counted_not_fatal(wecom, pull_of):
    bills(wecom, PAYMENT, {**PAYMENT, "transaction_id": "t2", "pay_time": None})
    commit, rows = pull_of(Bill, window=ONE_DAY)
    assert (len(rows[YESTERDAY]), commit.rejected_rows) == (1, 1)


FLOW = {
    "timestamp": second(YESTERDAY),
    "request_no": "q1",
    "transaction_type": 3,
    "fund_flow_type": 1,
    "transaction_amount": 10000,
    "account_balance": 1000000,
    "out_trade_no": "o1",
    "mch_id": "123454",
    "operator_userid": "zhangsan",
    "group_list": [{"group_name": "规则组"}],
    "remark": "给王五",
}
FLOW_URL = f"{BASE}/cgi-bin/externalpay/get_fund_flow"


def test_the_documented_fund_flow_lands(wecom, pull_of):
    wecom.post(FLOW_URL, json={**OK, "fund_flow_list": [FLOW]})
    commit, rows = pull_of(FundFlow, window=ONE_DAY)
    [row] = rows[YESTERDAY]
    assert (row["transaction_amount"], row["account_balance"]) == (10000, 1000000)
    assert commit.unknown_fields == ()
    assert "王五" not in everything(rows)
    [body] = bodies(wecom, "get_fund_flow")
    assert body["limit"] == 200


def test_fund_flow_of_yesterday_is_not_asked_for_before_eleven(wecom, pull_of):
    assert AS_OF.hour == 10
    wecom.post(FLOW_URL, json={**OK, "fund_flow_list": []})
    commit, _ = pull_of(FundFlow)
    assert max(commit.covered_dates) == YESTERDAY - timedelta(1)
    wecom.post(FLOW_URL, json={**OK, "fund_flow_list": []})
    commit, _ = pull_of(FundFlow, as_of=AS_OF.replace(hour=11, minute=1))
    assert YESTERDAY in commit.covered_dates


def test_fund_flow_windows_hold_at_most_31_days(wecom, pull_of):
    for _ in range(3):
        wecom.post(FLOW_URL, json={**OK, "fund_flow_list": []})
    pull_of(FundFlow, window=(TODAY - timedelta(80), YESTERDAY))
    asked = bodies(wecom, "get_fund_flow")
    assert max(body["end_time"] - body["begin_time"] for body in asked) <= 31 * 86400
