import json
from datetime import timedelta

import pytest
from responses.matchers import json_params_matcher
from vendor_accounts import BASE, YESTERDAY

from extractors.core.errors import ApiError

API = f"{BASE}/api/open/jg/data/report/offline"
CAMPAIGN, ACCOUNT = f"{API}/campaign", f"{API}/account"
ROW = {
    "time": YESTERDAY.isoformat(),
    "campaign_id": "6600000000000000001",
    "campaign_name": "种草",
    "placement": 1,
    "fee": "1,234.56",
    "impression": "12,345",
    "click": 321,
    "ctr": "2.60%",
    "acp": "3.85",
    "interaction": "40",
    "leads": "5",
    "valid_leads": 3,
    "goods_order": "-",
    "rgmv": "0.00",
    "external_goods_order_30": "7",
}


def page(platform, url, rows, number=1, total=None):
    platform.post(
        url,
        json={
            "code": 0,
            "success": True,
            "msg": "成功",
            "data": {"total_count": len(rows) if total is None else total, "data_list": rows},
        },
        match=[json_params_matcher({"page_num": number}, strict_match=False)],
    )


def pull(run, first=YESTERDAY):
    return run("juguang", "campaign_report", window=(first, YESTERDAY))


def test_commas_percent_signs_and_dashes_are_read(juguang, run):
    page(juguang, CAMPAIGN, [ROW])
    page(juguang, ACCOUNT, [ROW])
    commit, rows = pull(run)
    [landed] = rows[YESTERDAY]
    assert (landed["fee"], landed["impression"], landed["click"]) == (1234.56, 12345, 321)
    assert landed["ctr"] == 2.6
    assert landed["goods_order"] is None
    assert (landed["leads"], landed["valid_leads"], landed["external_goods_order_30"]) == (5, 3, 7)
    assert landed["placement"] == "1"
    assert landed["_extra"] is None
    assert (commit.warnings, commit.unknown_fields) == ((), ())


def test_numbers_read_like_their_text(juguang, run):
    page(juguang, CAMPAIGN, [ROW | {"fee": 1234.56, "impression": 12345, "ctr": 2.6, "leads": -1}])
    page(juguang, ACCOUNT, [ROW])
    _, rows = pull(run)
    [landed] = rows[YESTERDAY]
    assert (landed["fee"], landed["impression"], landed["ctr"]) == (1234.56, 12345, 2.6)
    assert landed["leads"] is None


def test_pages_end_when_all_rows_were_given(juguang, run):
    rows = [ROW | {"campaign_id": str(n)} for n in range(3)]
    page(juguang, CAMPAIGN, rows[:2], 1, total=3)
    page(juguang, CAMPAIGN, rows[2:], 2, total=3)
    page(juguang, ACCOUNT, [ROW | {"fee": "3,703.68"}])
    commit, landed = pull(run)
    assert len(landed[YESTERDAY]) == 3
    fee = next(t for t in commit.control_totals if t.measure == "fee")
    assert (fee.platform_total, fee.detail_total) == (3703.68, 3703.68)
    question = json.loads(juguang.calls[-1].request.body)
    assert (question["time_unit"], question["page_size"], question["advertiser_id"]) == (
        "DAY",
        1000,
        60001,
    )


def test_a_day_without_rows_is_answered_and_unknown_in_total(juguang, run):
    page(juguang, CAMPAIGN, [])
    page(juguang, ACCOUNT, [])
    before = YESTERDAY - timedelta(1)
    commit, rows = pull(run, first=before)
    assert rows == {}
    assert commit.covered_dates == (before, YESTERDAY)
    assert {t.platform_total for t in commit.control_totals} == {None}


def test_a_success_that_is_denied_is_a_refusal(juguang, run):
    juguang.post(CAMPAIGN, json={"code": 0, "success": False, "msg": "无权限"})
    with pytest.raises(ApiError, match="code -1"):
        pull(run)
