import dataclasses
import hashlib
import json
from datetime import timedelta

import pytest
from responses.matchers import json_params_matcher, query_param_matcher
from vendor_accounts import ACCOUNTS, BASE, SECRET, TODAY, YESTERDAY

from extractors.core.errors import ApiError, AuthenticationError, MalformedAnswerError

URL = f"{BASE}/v3.0/daily_reports/get"


def row(day, adgroup=7, site="SITE_SET_MOMENTS", **metrics):
    return {
        "date": day.isoformat(),
        "account_id": 20001,
        "adgroup_id": adgroup,
        "adgroup_name": "春季",
        "site_set": site,
        "view_count": 5809,
        "valid_click_count": 66,
        "cost": 29866,
        "conversions_count": 3,
        "scan_follow_user_count": 1,
    } | metrics


def answer(rows, page=1, pages=1, total=None):
    return {
        "code": 0,
        "message": "",
        "data": {
            "list": rows,
            "page_info": {
                "page": page,
                "page_size": 2000,
                "total_number": len(rows) * pages if total is None else total,
                "total_page": pages,
            },
        },
    }


def report(platform, rows, level="REPORT_LEVEL_ADGROUP", page=1, pages=1, **asked):
    platform.get(
        URL,
        json=answer(rows, page, pages),
        match=[
            query_param_matcher({"level": level, "page": str(page), **asked}, strict_match=False)
        ],
    )


def totals(platform, rows):
    report(platform, rows, "REPORT_LEVEL_ADVERTISER")


@pytest.mark.parametrize(
    ("stream", "line"),
    [
        ("daily_report_request_time", "REQUEST_TIME"),
        ("daily_report_reporting_time", "REPORTING_TIME"),
    ],
)
def test_each_clock_is_a_stream_of_its_own(tencent, run, stream, line):
    report(tencent, [row(YESTERDAY)], time_line=line)
    totals(tencent, [{"date": YESTERDAY.isoformat(), "cost": 29866}])
    _, rows = run("tencent_ads", stream, window=(YESTERDAY, YESTERDAY))
    [landed] = rows[YESTERDAY]
    assert (landed["account_id"], landed["adgroup_id"], landed["cost"]) == ("20001", "7", 29866)
    assert landed["_extra"] is None


def test_the_question_names_ids_dates_and_fields(tencent, run):
    report(tencent, [row(YESTERDAY)])
    totals(tencent, [])
    run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    detail = next(
        c.request.params
        for c in tencent.calls
        if c.request.params.get("level") == "REPORT_LEVEL_ADGROUP"
    )
    assert json.loads(detail["group_by"]) == ["adgroup_id", "date", "site_set"]
    assert json.loads(detail["date_range"]) == {
        "start_date": "2026-04-13",
        "end_date": "2026-04-13",
    }
    assert detail["page_size"] == "2000"
    assert {"cost", "conversions_count", "site_set"} <= set(json.loads(detail["fields"]))


def test_every_call_has_a_nonce_of_its_own_and_the_pulls_time(tencent, run):
    report(tencent, [row(YESTERDAY)], pages=2)
    report(tencent, [row(YESTERDAY, 8)], page=2, pages=2)
    totals(tencent, [])
    commit, rows = run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    asked = [c.request.params for c in tencent.calls if "/v3.0/" in c.request.url]
    assert len({p["nonce"] for p in asked}) == len(asked) == 3
    assert all(len(p["nonce"]) <= 32 for p in asked)
    assert all(abs(int(p["timestamp"]) - commit.pulled_at.timestamp()) < 60 for p in asked)
    assert len(rows[YESTERDAY]) == 2


def test_the_platforms_total_is_kept_beside_the_detail(tencent, run):
    before = YESTERDAY - timedelta(1)
    report(tencent, [row(YESTERDAY), row(YESTERDAY, 8, cost="100", conversions_count=0)])
    totals(
        tencent,
        [
            {
                "date": YESTERDAY.isoformat(),
                "cost": 31000,
                "view_count": 11618,
                "valid_click_count": 132,
                "conversions_count": 3,
            }
        ],
    )
    commit, _ = run("tencent_ads", "daily_report_request_time", window=(before, YESTERDAY))
    found = {
        (t.event_date, t.measure): (t.platform_total, t.detail_total) for t in commit.control_totals
    }
    assert found[YESTERDAY, "cost"] == (31000, 29966)
    assert found[YESTERDAY, "view_count"] == (11618, 11618)
    assert found[before, "cost"] == (None, 0)  # the platform gave no row: unknown, not zero


def test_arrivals_are_counted_per_placement_and_absent_ones_are_absent(tencent, run):
    report(tencent, [row(YESTERDAY), row(YESTERDAY, 8), row(YESTERDAY, 9, "SITE_SET_CHANNELS")])
    totals(tencent, [])
    commit, _ = run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    assert {(a.channel, a.value) for a in commit.arrivals if a.measure == "cost"} == {
        ("SITE_SET_MOMENTS", 59732),
        ("SITE_SET_CHANNELS", 29866),
    }


def test_a_covered_day_without_rows_is_covered_and_empty(tencent, run):
    report(tencent, [])
    totals(tencent, [])
    commit, rows = run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    assert rows == {}
    assert commit.covered_dates == (YESTERDAY,)


def test_a_row_of_another_day_is_reported_not_landed(tencent, run):
    report(tencent, [row(YESTERDAY), row(TODAY)])
    totals(tencent, [])
    commit, rows = run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    assert len(rows[YESTERDAY]) == 1
    assert any(w.startswith("shifted_day") and str(TODAY) in w for w in commit.warnings)


def test_an_expired_token_is_refreshed_once(platform, run):
    for token in ("old", "new"):
        platform.get(
            f"{BASE}/oauth/token",
            json={"code": 0, "data": {"access_token": token, "access_token_expires_in": 86400}},
        )
    platform.get(
        URL,
        json={"code": 11000},
        match=[query_param_matcher({"access_token": "old"}, strict_match=False)],
    )
    platform.get(
        URL,
        json=answer([row(YESTERDAY)]),
        match=[query_param_matcher({"access_token": "new"}, strict_match=False)],
    )
    commit, _ = run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    assert commit.rows == 1


def test_the_minutes_limit_is_waited_out(tencent, run, clocks):
    tencent.get(
        URL,
        json={"code": 11017},
        match=[query_param_matcher({"level": "REPORT_LEVEL_ADGROUP"}, strict_match=False)],
    )
    report(tencent, [row(YESTERDAY)])
    totals(tencent, [])
    commit, _ = run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    assert commit.rows == 1
    assert sum(clocks[-1].slept) >= 59


def test_a_lapsed_authorisation_says_who_must_act(platform, run):
    platform.get(f"{BASE}/oauth/token", json={"code": 11012})
    with pytest.raises(AuthenticationError, match="SIYU_SECRET_TENCENT_ADS_20001") as caught:
        run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))
    assert SECRET not in str(caught.value)
    assert "r3fresh" not in str(caught.value)


def test_the_days_quota_is_an_error_for_tomorrow(tencent, run):
    tencent.get(URL, json={"code": 11018})
    with pytest.raises(ApiError, match=r"11018.*next day"):
        run("tencent_ads", "daily_report_request_time", window=(YESTERDAY, YESTERDAY))


# ------------------------------------------------------------------------- hours and ad groups
def test_hours_are_asked_for_a_day_at_a_time_and_reconciled_by_day(tencent, run):
    before = YESTERDAY - timedelta(1)
    for day in (before, YESTERDAY):
        span = json.dumps({"start_date": str(day), "end_date": str(day)}, separators=(",", ":"))
        # the vendor's hourly sample: 66 clicks of 5,809 views for 298.66 yuan
        hour = {k: v for k, v in row(day).items() if k not in ("date", "site_set")} | {"hour": 9}
        tencent.get(
            f"{BASE}/v3.0/hourly_reports/get",
            json=answer([hour]),
            match=[query_param_matcher({"date_range": span}, strict_match=False)],
        )
    totals(tencent, [{"date": str(YESTERDAY), "cost": 29866}])
    commit, rows = run("tencent_ads", "hourly_report", window=(before, YESTERDAY))
    [landed] = rows[YESTERDAY]
    assert (landed["hour"], landed["cost"], landed["view_count"]) == (9, 29866, 5809)
    assert round(landed["valid_click_count"] / landed["view_count"], 4) == 0.0114
    assert round(landed["cost"] / landed["valid_click_count"]) == 453
    assert rows.keys() == {before, YESTERDAY}
    cost = {t.event_date: t.platform_total for t in commit.control_totals if t.measure == "cost"}
    assert cost == {before: None, YESTERDAY: 29866}


def test_ad_groups_are_listed_by_cursor(tencent, run):
    url = f"{BASE}/v3.0/adgroups/get"
    group = {
        "adgroup_id": 9007199254740993,
        "adgroup_name": "春季",
        "created_time": 1775000000,
        "daily_budget": 0,
        "site_set": ["SITE_SET_MOMENTS"],
        "is_deleted": False,
    }
    tencent.get(
        url,
        json={"code": 0, "data": {"list": [group], "cursor_page_info": {"next_cursor": "c2"}}},
        match=[query_param_matcher({"page_size": "100"}, strict_match=False)],
    )
    tencent.get(
        url,
        json={"code": 0, "data": {"list": [group | {"adgroup_id": 2}], "cursor_page_info": {}}},
        match=[query_param_matcher({"cursor": "c2"}, strict_match=False)],
    )
    _, rows = run("tencent_ads", "adgroup")
    assert [r["adgroup_id"] for r in rows[TODAY]] == ["2", "9007199254740993"]
    assert rows[TODAY][0]["site_set"] == '["SITE_SET_MOMENTS"]'
    assert rows[TODAY][0]["daily_budget"] == 0


# ------------------------------------------------------------------------ asynchronous reports
LARGE = dataclasses.replace(
    ACCOUNTS["tencent_ads"], options={**ACCOUNTS["tencent_ads"].options, "large": True}
)
HEADING = "adgroup_id,site_set,adgroup_name,view_count,valid_click_count,cost,conversions_count\n"


def task(platform, day, content, *, md5=None, status="TASK_STATUS_COMPLETED"):
    """A day's task; a file for each line, all with a heading."""
    number = day.toordinal()
    platform.post(
        f"{BASE}/v3.0/async_reports/add",
        json={"code": 0, "data": {"task_id": number}},
        match=[json_params_matcher({"date": str(day)}, strict_match=False)],
    )
    parts = [HEADING + content[0]] + [HEADING + line for line in content[1:]]
    files = [
        {"file_id": number * 10 + n, "md5": md5 or hashlib.md5(part.encode()).hexdigest()}
        for n, part in enumerate(parts)
    ]
    for file, part in zip(files, parts, strict=True):
        platform.get(
            f"{BASE}/v3.0/async_report_files/get",
            body=part,
            match=[query_param_matcher({"file_id": str(file["file_id"])}, strict_match=False)],
        )
    return {
        "task_id": number,
        "status": status,
        "result": {"code": 0, "data": {"file_info_list": files}},
    }


def listed(platform, tasks):
    platform.get(
        f"{BASE}/v3.0/async_reports/get",
        json={"code": 0, "data": {"list": tasks, "page_info": {"total_page": 1}}},
    )


def test_a_large_account_has_a_task_and_files_for_each_day(tencent, run):
    before = YESTERDAY - timedelta(1)
    lines = ["7,SITE_SET_MOMENTS,春季,5809,66,29866,3\n", "8,SITE_SET_WECHAT,夏季,1,1,5,0\n"]
    listed(tencent, [task(tencent, day, lines) for day in (before, YESTERDAY)])
    totals(tencent, [])
    commit, rows = run(
        "tencent_ads",
        "daily_report_request_time",
        window=(before, YESTERDAY),
        account=LARGE,
    )
    assert commit.rows == 4
    assert [(r["adgroup_id"], r["account_id"], r["cost"]) for r in rows[before]] == [
        ("7", "20001", 29866),
        ("8", "20001", 5),
    ]


def test_a_file_that_is_not_the_one_announced_lands_nothing(tencent, run):
    listed(tencent, [task(tencent, YESTERDAY, ["7,S,x,1,1,1,1\n"], md5="0" * 32)])
    with pytest.raises(MalformedAnswerError, match="not the one that the platform announced"):
        run(
            "tencent_ads",
            "daily_report_request_time",
            window=(YESTERDAY, YESTERDAY),
            account=LARGE,
        )
