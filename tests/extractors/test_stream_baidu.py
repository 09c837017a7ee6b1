import json
from datetime import timedelta

import pytest
from responses.matchers import json_params_matcher
from vendor_accounts import BASE, SECRET, YESTERDAY

from extractors.core.errors import ApiError

URL = f"{BASE}/json/sms/service/OpenApiReportService/getReportData"
BEFORE = YESTERDAY - timedelta(1)
CAMPAIGN, ADGROUP, ACCOUNT = 2290316, 2284618, 2208157
ROW = {
    "date": YESTERDAY.isoformat(),
    "campaignId": 710000001,
    "campaignName": "品牌词",
    "impression": 1000,
    "click": 50,
    "cost": 321.5,
    "ctr": 0.05,
    "ocpcConversions": 6,
    "deepOCPCConversions": 2,
    "ocpcConversionsDetail79": 1,
    "ctOCPCConversions": 4,
}


def body(rows, total=None, status=0, *, is_array=True, failures=()):
    report = {
        "rowCount": len(rows),
        "totalRowCount": len(rows) if total is None else total,
        "rows": rows,
    }
    return {
        "header": {"status": status, "desc": "success", "failures": list(failures)},
        "body": {"data": [report] if is_array else report},
    }


def answers(platform, kind, answer, **asked):
    question = {"reportType": kind, **asked}
    platform.post(
        URL,
        json=answer,
        match=[json_params_matcher({"body": question}, strict_match=False)],
    )


def pull(run, name="campaign_report", first=YESTERDAY):
    return run("baidu", name, window=(first, YESTERDAY))


@pytest.mark.parametrize("is_array", [True, False])
def test_clicks_and_conversions_have_a_clock_each(baidu, run, is_array):
    answers(baidu, CAMPAIGN, body([ROW], is_array=is_array))
    answers(baidu, ACCOUNT, body([ROW]))
    commit, rows = pull(run)
    [landed] = rows[YESTERDAY]
    assert (landed["campaignId"], landed["cost"]) == ("710000001", 321.5)
    assert (landed["ocpcConversions"], landed["ctOCPCConversions"]) == (6, 4)
    assert landed["ctr"] == landed["click"] / landed["impression"]  # a ratio
    assert landed["_extra"] is None
    assert commit.warnings == ()


def test_the_caller_stands_in_the_body_and_the_question_names_its_columns(baidu, run):
    answers(baidu, CAMPAIGN, body([ROW]))
    answers(baidu, ACCOUNT, body([ROW]))
    pull(run, first=BEFORE)
    sent = next(
        json.loads(c.request.body) for c in baidu.calls if b"2290316" in (c.request.body or b"")
    )
    assert sent["header"] == {"userName": "某某护肤", "accessToken": "tok-1"}
    question = sent["body"]
    assert (question["startDate"], question["endDate"]) == (str(BEFORE), str(YESTERDAY))
    assert question["timeUnit"] == "DAY"
    assert {"date", "campaignId", "ctOCPCConversions"} <= set(question["columns"])
    assert len(question["sorts"]) <= 2
    login = json.loads(baidu.calls[0].request.body)
    assert login == {
        "appId": "app-55",
        "refreshToken": "r3fresh",
        "secretKey": SECRET,
        "userId": 50001,
    }


def test_rows_are_paged_by_offset(baidu, run):
    rows = [ROW | {"campaignId": n} for n in range(3)]
    answers(baidu, CAMPAIGN, body(rows[:2], 3), startRow=0)
    answers(baidu, CAMPAIGN, body(rows[2:], 3), startRow=2)
    answers(baidu, ACCOUNT, body([ROW | {"cost": 964.5}]))
    commit, landed = pull(run)
    assert len(landed[YESTERDAY]) == 3
    cost = next(t for t in commit.control_totals if t.measure == "cost")
    assert (cost.platform_total, cost.detail_total) == (964.5, 964.5)


def test_ad_groups_come_with_their_campaign(baidu, run):
    answers(baidu, ADGROUP, body([ROW | {"adGroupId": 9}]))
    answers(baidu, ACCOUNT, body([ROW]))
    _, rows = pull(run, "adgroup_report")
    assert (rows[YESTERDAY][0]["campaignId"], rows[YESTERDAY][0]["adGroupId"]) == ("710000001", "9")


def test_a_partly_failed_answer_is_asked_for_again(baidu, run, clocks):
    answers(baidu, CAMPAIGN, body([], status=1))
    answers(baidu, CAMPAIGN, body([ROW]))
    answers(baidu, ACCOUNT, body([ROW]))
    commit, rows = pull(run)
    assert len(rows[YESTERDAY]) == 1
    assert commit.not_ready_dates == ()
    assert clocks[-1].slept


def test_a_day_that_stays_incomplete_is_left_for_later_and_the_others_land(baidu, run):
    both = {"startDate": str(BEFORE), "endDate": str(YESTERDAY)}
    answers(baidu, CAMPAIGN, body([ROW], status=1), **both)
    answers(
        baidu,
        CAMPAIGN,
        body([ROW | {"date": str(BEFORE)}]),
        startDate=str(BEFORE),
        endDate=str(BEFORE),
    )
    answers(
        baidu,
        CAMPAIGN,
        body([ROW], status=1),
        startDate=str(YESTERDAY),
        endDate=str(YESTERDAY),
    )
    answers(baidu, ACCOUNT, body([ROW]))
    commit, rows = pull(run, first=BEFORE)
    # what was given of the bad day must not replace what an earlier pull knew of it
    assert set(rows) == {BEFORE}
    assert commit.covered_dates == (BEFORE,)
    assert commit.not_ready_dates == (YESTERDAY,)
    assert any(w.startswith("incomplete_answer") for w in commit.warnings)


def test_a_total_that_stays_incomplete_is_no_total(baidu, run):
    answers(baidu, CAMPAIGN, body([ROW]))
    answers(baidu, ACCOUNT, body([ROW], status=1))
    commit, _ = pull(run)
    assert {t.platform_total for t in commit.control_totals} == {None}


def test_a_system_error_is_asked_again(baidu, run, clocks):
    answers(baidu, CAMPAIGN, body([], status=3))
    answers(baidu, CAMPAIGN, body([ROW]))
    answers(baidu, ACCOUNT, body([ROW]))
    commit, _ = pull(run)
    assert commit.rows == 1
    assert len(clocks[-1].slept) == 1


def test_a_refusal_is_named_by_the_code_of_its_first_failure(baidu, run):
    refused = body([], status=2, failures=[{"code": 8101, "message": f"{SECRET} is wrong"}])
    answers(baidu, CAMPAIGN, refused)
    with pytest.raises(ApiError, match="8101") as caught:
        pull(run)
    assert SECRET not in str(caught.value)
