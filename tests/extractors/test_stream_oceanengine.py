import dataclasses
import json
from datetime import timedelta

import pytest
from responses.matchers import json_params_matcher, query_param_matcher
from vendor_accounts import ACCOUNTS, BASE, TODAY, YESTERDAY, unexpected

from extractors.core.errors import ApiError
from siyu.errors import SiyuError

API = f"{BASE}/open_api"
REPORT = f"{API}/v3.0/report/custom/get/"
CONFIG = f"{API}/v3.0/report/custom/config/get/"
TASK = f"{API}/v3.0/report/custom/async_task"
PROJECT, PROMOTION = "7330000000000000011", "7330000000000000911"
METRICS = {
    "stat_cost": "1234.50",
    "show_cnt": "5809",
    "click_cnt": "66",
    "convert_cnt": "3",
    "deep_convert_cnt": "1",
    "attribution_convert_cnt": "7",
    "attribution_deep_convert_cnt": "2",
    "attribution_work_wechat_added_count": "4",
    "in_app_order": "0",
    "attribution_convert_cost": "176.36",
    "in_app_order_gmv": "0.00",
    "ctr": "1.14",
    "conversion_rate": "4.55",
}
TOTALS = ("stat_cost", "show_cnt", "click_cnt", "convert_cnt", "attribution_convert_cnt")
DIMENSIONS = (
    "stat_time_day",
    "cdp_project_id",
    "cdp_project_name",
    "cdp_promotion_id",
    "cdp_promotion_name",
)


def row(day=YESTERDAY, project=PROJECT, **metrics):
    return {
        "dimensions": {
            "stat_time_day": f"{day} 00:00:00",
            "cdp_project_id": project,
            "cdp_project_name": "春季",
        },
        "metrics": METRICS | metrics,
    }


def total(day=YESTERDAY, **metrics):
    values = {name: METRICS[name] for name in TOTALS} | metrics
    return {"dimensions": {"stat_time_day": str(day)}, "metrics": values}


def answer(rows, page=1, pages=1, total_number=None):
    number = len(rows) * pages if total_number is None else total_number
    info = {"page": page, "page_size": 100, "total_number": number, "total_page": pages}
    return {
        "code": 0,
        "message": "OK",
        "request_id": "r",
        "data": {"rows": rows, "total_metrics": METRICS, "page_info": info},
    }


def asked(dimensions, page=1):
    return query_param_matcher(
        {"dimensions": json.dumps(dimensions, separators=(",", ":")), "page": str(page)},
        strict_match=False,
    )


def report(platform, rows, page=1, pages=1, dimensions=DIMENSIONS[:3], total_number=None):
    platform.get(
        REPORT, json=answer(rows, page, pages, total_number), match=[asked(dimensions, page)]
    )


def totals(platform, rows):
    report(platform, rows, dimensions=("stat_time_day",))


def config(platform, without=(), metrics=None, **extra):
    topic = {
        "data_topic": "BASIC_DATA",
        "dimensions": [
            {"field": d, "name": f"维度{d}", **extra.get(d, {})}
            for d in DIMENSIONS
            if d not in without
        ],
        "metrics": [
            {"field": m, "name": f"指标{m}", **extra.get(m, {})}
            for m in metrics or METRICS
            if m not in without
        ],
    }
    platform.get(CONFIG, json={"code": 0, "data": {"list": [topic]}})


@pytest.fixture
def platform_ready(oceanengine):
    config(oceanengine)
    return oceanengine


def pull(run, name="project_report", first=YESTERDAY, **account):
    return run("oceanengine", name, window=(first, YESTERDAY), **account)


def test_text_becomes_numbers_and_the_two_clocks_stay_apart(platform_ready, run):
    report(platform_ready, [row()])
    totals(platform_ready, [total()])
    commit, rows = pull(run)
    [landed] = rows[YESTERDAY]
    assert landed["advertiser_id"] == ACCOUNTS["oceanengine"].options["advertiser_id"]
    assert (landed["cdp_project_id"], landed["stat_cost"], landed["show_cnt"]) == (
        PROJECT,
        1234.5,
        5809,
    )
    assert (landed["convert_cnt"], landed["attribution_convert_cnt"]) == (3, 7)
    assert landed["ctr"] == 1.14  # percent, as the platform writes it
    assert landed["_extra"] is None
    assert unexpected(commit) == []


@pytest.mark.parametrize("mark", ["-", "-1.0", "-1", ""])
def test_marks_of_no_value_are_missing_not_numbers(platform_ready, run, mark):
    report(platform_ready, [row(attribution_convert_cnt=mark, stat_cost="12,345.60")])
    totals(platform_ready, [total()])
    commit, rows = pull(run)
    [landed] = rows[YESTERDAY]
    assert landed["attribution_convert_cnt"] is None
    assert landed["stat_cost"] == 12345.6
    assert unexpected(commit) == []


def test_the_question_is_json_text_with_a_unique_order_and_the_token_in_a_header(
    platform_ready, run
):
    report(platform_ready, [row()])
    totals(platform_ready, [total()])
    pull(run, first=YESTERDAY - timedelta(1))
    call = next(c for c in platform_ready.calls if "cdp_project_id" in c.request.url)
    assert call.request.headers["Access-Token"] == "tok-1"
    question = call.request.params
    assert "access_token" not in question
    assert json.loads(question["filters"]) == []
    assert json.loads(question["order_by"]) == [
        {"field": "stat_time_day", "type": "ASC"},
        {"field": "cdp_project_id", "type": "ASC"},
    ]
    assert (question["start_time"], question["end_time"]) == (
        "2026-04-12 00:00:00",
        "2026-04-13 23:59:59",
    )
    assert question["page_size"] == "100"


def test_pages_are_followed_and_the_accounts_total_is_never_summed_in(platform_ready, run):
    report(platform_ready, [row()], pages=2)
    report(platform_ready, [row(project="7330000000000000012")], page=2, pages=2)
    totals(platform_ready, [total(stat_cost="2469.00")])
    commit, rows = pull(run)
    assert [r["stat_cost"] for r in rows[YESTERDAY]] == [1234.5, 1234.5]
    cost = next(t for t in commit.control_totals if t.measure == "stat_cost")
    assert (cost.platform_total, cost.detail_total) == (2469.0, 2469.0)


def test_a_page_sent_twice_is_read_again(platform_ready, run):
    other = row(project="7330000000000000012")
    for second in (row(), other):  # the second page repeats the first, then comes right
        platform_ready.get(REPORT, json=answer([row()], 1, 2, 2), match=[asked(DIMENSIONS[:3])])
        platform_ready.get(REPORT, json=answer([second], 2, 2, 2), match=[asked(DIMENSIONS[:3], 2)])
    totals(platform_ready, [total(stat_cost="2469.00")])
    commit, rows = pull(run)
    assert {r["cdp_project_id"] for r in rows[YESTERDAY]} == {PROJECT, "7330000000000000012"}
    assert unexpected(commit) == []


def test_rows_that_stay_missing_are_told(platform_ready, run):
    report(platform_ready, [row()], total_number=2)
    totals(platform_ready, [total()])
    commit, rows = pull(run)
    assert len(rows[YESTERDAY]) == 1
    assert "short_pages: 1 of 2 rows were given" in commit.warnings


def test_a_metric_that_does_not_go_with_the_dimensions_is_not_asked_for(oceanengine, run):
    config(
        oceanengine,
        without=("in_app_order",),
        cdp_project_name={"exclusion_metrics": ["conversion_rate"]},
        ctr={"exclusion_dims": ["cdp_project_id"]},
    )
    usable = {k: v for k, v in METRICS.items() if k not in ("in_app_order", "conversion_rate")}
    report(oceanengine, [row() | {"metrics": usable}])
    totals(oceanengine, [total()])
    commit, rows = pull(run)
    question = next(c for c in oceanengine.calls if "cdp_project_id" in c.request.url)
    metrics = json.loads(question.request.params["metrics"])
    assert {"in_app_order", "conversion_rate", "ctr"} & set(metrics) == set()
    assert rows[YESTERDAY][0]["in_app_order"] is None
    assert any(w.startswith("metrics_not_offered") and "ctr" in w for w in commit.warnings)


def test_a_metric_we_cannot_do_without_is_an_error_by_name(oceanengine, run):
    config(oceanengine, without=("attribution_convert_cnt",))
    with pytest.raises(SiyuError, match="no longer offers attribution_convert_cnt"):
        pull(run)


def test_windows_of_more_than_30_days_are_asked_for_in_parts(platform_ready, run):
    report(platform_ready, [])
    totals(platform_ready, [])
    pull(run, first=YESTERDAY - timedelta(44))
    spans = {
        (c.request.params["start_time"][:10], c.request.params["end_time"][:10])
        for c in platform_ready.calls
        if "cdp_project_id" in c.request.url
    }
    assert spans == {("2026-02-28", "2026-03-29"), ("2026-03-30", "2026-04-13")}


def test_promotions_are_reported_under_their_project(platform_ready, run):
    one = row()
    one["dimensions"] |= {"cdp_promotion_id": PROMOTION, "cdp_promotion_name": "视频 A"}
    report(platform_ready, [one], dimensions=DIMENSIONS)
    totals(platform_ready, [total()])
    _, rows = pull(run, "promotion_report")
    [landed] = rows[YESTERDAY]
    assert (landed["cdp_project_id"], landed["cdp_promotion_id"]) == (PROJECT, PROMOTION)


@pytest.mark.parametrize("code", [40102, 40105])
def test_a_dead_token_is_replaced_once_by_the_newest_refresh_token(platform, run, code):
    # detail and totals are asked for side by side: whoever is second may never see the old token
    platform.assert_all_requests_are_fired = False
    for spent, token, newer in (("r3fresh", "old", "r-2"), ("r-2", "new", "r-3")):
        platform.post(
            f"{API}/oauth2/refresh_token/",
            json={
                "code": 0,
                "data": {"access_token": token, "expires_in": 86400, "refresh_token": newer},
            },
            match=[json_params_matcher({"refresh_token": spent}, strict_match=False)],
        )
    config(platform)
    topic = platform.registered()[-1].body
    platform.remove("GET", CONFIG)

    def by_token(request):
        if request.headers["Access-Token"] != "new":
            return 200, {}, json.dumps({"code": code})
        if request.url.startswith(CONFIG):
            return 200, {}, topic
        rows = [row()] if "cdp_project_id" in request.url else [total()]
        return 200, {}, json.dumps(answer(rows))

    for url in (CONFIG, REPORT):
        platform.add_callback("GET", url, by_token)
    commit, _ = pull(run)
    assert commit.rows == 1
    spent = [
        json.loads(c.request.body)["refresh_token"]
        for c in platform.calls
        if "refresh_token/" in c.request.url
    ]
    assert spent == ["r3fresh", "r-2"]


@pytest.mark.parametrize("code", [40110, 40130])
def test_limits_are_waited_out(platform_ready, run, clocks, code):
    platform_ready.get(REPORT, json={"code": code}, match=[asked(DIMENSIONS[:3])])
    report(platform_ready, [row()])
    totals(platform_ready, [total()])
    commit, _ = pull(run)
    assert commit.rows == 1
    assert sum(clocks[-1].slept) >= 0.9


def test_no_permission_is_an_error_at_once(platform_ready, run):
    platform_ready.get(REPORT, json={"code": 40002, "message": "access_token=tok-1 is bad"})
    with pytest.raises(ApiError, match="40002") as caught:
        pull(run)
    assert "tok-1" not in str(caught.value)


# ------------------------------------------------------------------------ asynchronous reports
LARGE = dataclasses.replace(
    ACCOUNTS["oceanengine"], options={**ACCOUNTS["oceanengine"].options, "large": True}
)
NAMES = (*DIMENSIONS[:3], *METRICS)


def file(rows, heading=NAMES, mark="\ufeff"):
    lines = [",".join(heading)]
    lines += [
        ",".join(f'"{v}"' for v in (*r["dimensions"].values(), *r["metrics"].values()))
        for r in rows
    ]
    return (mark + "\n".join(lines) + "\n").encode()


def task(platform, *states, content=b"", number=9007199254740993):
    platform.post(f"{TASK}/create/", json={"code": 0, "data": {"task_id": number}})
    for state in states:
        platform.get(
            f"{TASK}/get/",
            json={
                "code": 0,
                "data": {"task_id": number, "task_status": f"ASYNC_TASK_STATUS_{state}"},
            },
        )
    if content:
        platform.get(
            f"{TASK}/download/",
            body=content,
            match=[query_param_matcher({"task_id": str(number)}, strict_match=False)],
        )


def test_a_large_account_is_read_from_a_file(platform_ready, run, clocks):
    both = [row(stat_cost="1,234.50"), row(project="12", attribution_convert_cnt="-")]
    task(platform_ready, "CREATED", "EXECUTING", "COMPLETED", content=file(both))
    totals(platform_ready, [total()])
    _, rows = pull(run, account=LARGE)
    assert [
        (r["cdp_project_id"], r["stat_cost"], r["attribution_convert_cnt"]) for r in rows[YESTERDAY]
    ] == [("12", 1234.5, None), (PROJECT, 1234.5, 7)]
    assert clocks[-1].slept[:2] == [1, 2]
    body = json.loads(
        next(c for c in platform_ready.calls if "create" in c.request.url).request.body
    )
    assert body["advertiser_id"] == 1790000000000000001
    assert body["dimensions"] == list(DIMENSIONS[:3])


def test_a_file_with_chinese_headings_is_read_by_the_platforms_own_list(platform_ready, run):
    heading = [f"维度{d}" for d in DIMENSIONS[:3]] + [f"指标{m}" for m in METRICS]
    task(platform_ready, "COMPLETED", content=file([row()], heading, mark=""))
    totals(platform_ready, [total()])
    _, rows = pull(run, account=LARGE)
    assert rows[YESTERDAY][0]["show_cnt"] == 5809


def test_a_file_without_a_column_or_cut_in_a_line_lands_nothing(platform_ready, run, settings):
    task(platform_ready, "COMPLETED", content=b"a,b\n1,2\n")
    with pytest.raises(SiyuError, match="no column stat_time_day"):
        pull(run, account=LARGE)
    platform_ready.replace("GET", f"{TASK}/download/", body=file([row()])[:-20])
    with pytest.raises(SiyuError, match="cells"):
        pull(run, account=LARGE)
    assert list(settings.root.glob("landing/oceanengine/**/*.parquet")) == []


def test_a_killed_wait_goes_on_with_the_same_task(platform_ready, run, clocks, monkeypatch):
    class KilledError(BaseException):
        pass

    task(platform_ready, "EXECUTING", "COMPLETED", content=file([row()]))
    totals(platform_ready, [total()])
    from vendor_accounts import FakeClock

    def killed(self, seconds):
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(FakeClock, "sleep", killed)
        with pytest.raises(KilledError):
            pull(run, account=LARGE)
    commit, _ = pull(run, account=LARGE)
    created = [c for c in platform_ready.calls if "create" in c.request.url]
    assert (len(created), commit.rows) == (1, 1)


def test_a_failed_task_is_made_again_once(platform_ready, run):
    task(platform_ready, "FAILED", "COMPLETED", content=file([row()]))
    totals(platform_ready, [total()])
    commit, _ = pull(run, account=LARGE)
    assert commit.rows == 1
    task(platform_ready, "FAILED")
    before = YESTERDAY - timedelta(1)
    platform_ready.replace(
        "GET",
        f"{TASK}/get/",
        json={"code": 0, "data": {"task_status": "ASYNC_TASK_STATUS_FAILED"}},
    )
    with pytest.raises(SiyuError, match="failed to compute the report twice"):
        pull(run, first=before, account=LARGE)


# ------------------------------------------------------------------------------------- objects
def test_projects_of_every_status_are_listed_with_their_settings(oceanengine, run):
    project = {
        "project_id": 7330000000000000011,
        "name": "春季",
        "advertiser_id": 1790000000000000001,
        "status_first": "PROJECT_STATUS_DELETE",
        "status_second": ["A", "B"],
        "project_create_time": "2026-03-01 09:30:00",
        "delivery_setting": {"budget": 300.5, "budget_mode": "BUDGET_MODE_DAY", "bid": 0},
        "optimize_goal": {"external_action": "AD_CONVERT_TYPE_FORM", "asset_ids": [1, 2]},
    }
    oceanengine.get(
        f"{API}/v3.0/project/list/",
        json={"code": 0, "data": {"list": [project], "page_info": {"total_page": 1}}},
    )
    _, rows = run("oceanengine", "project")
    [landed] = rows[TODAY]
    assert (landed["project_id"], landed["budget"]) == (PROJECT, 300.5)
    assert landed["external_action"] == "AD_CONVERT_TYPE_FORM"
    assert landed["project_create_time"].isoformat() == "2026-03-01T01:30:00+00:00"
    assert landed["_extra"] is None
    asked = oceanengine.calls[-1].request.params
    assert json.loads(asked["filtering"]) == {"status": "PROJECT_STATUS_ALL"}
    assert asked["page_size"] == "100"


def test_promotions_are_listed_by_cursor(oceanengine, run):
    url = f"{API}/v3.0/promotion/list/"
    for cursor, number, more in ((0, 1, True), (20, 2, False)):
        oceanengine.get(
            url,
            json={
                "code": 0,
                "data": {
                    "list": [{"promotion_id": number, "promotion_name": "x", "project_id": 7}],
                    "cursor_info": {"cursor": 20, "count": 20, "has_more": more},
                },
            },
            match=[query_param_matcher({"cursor": str(cursor), "count": "20"}, strict_match=False)],
        )
    _, rows = run("oceanengine", "promotion")
    assert [r["promotion_id"] for r in rows[TODAY]] == ["1", "2"]


def test_a_cursor_that_repeats_is_an_error(oceanengine, run):
    oceanengine.get(
        f"{API}/v3.0/promotion/list/",
        json={"code": 0, "data": {"list": [], "cursor_info": {"cursor": 0, "has_more": True}}},
    )
    with pytest.raises(SiyuError, match="same cursor twice"):
        run("oceanengine", "promotion")
