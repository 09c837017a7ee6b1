"""Ocean Engine: rotating tokens, strings, both clocks, tasks, lists that hide what is deleted."""

import csv
import io
import itertools

import pandas as pd
import pytest
from ads_api import AdsApi, claimed, delivered, nonzero

METRICS = ["stat_cost", "show_cnt", "click_cnt", "convert_cnt", "attribution_convert_cnt"]
CONFIG = "/open_api/v3.0/report/custom/config/get/"
TASK = "/open_api/v3.0/report/custom/async_task/"


@pytest.fixture
def ads(api) -> AdsApi:
    return AdsApi(api)


def frame(answer: dict) -> pd.DataFrame:
    assert answer["code"] == 0, answer
    return pd.DataFrame([row["dimensions"] | row["metrics"] for row in answer["data"]["rows"]])


def numbers(answer: dict, metric: str) -> dict[str, float]:
    rows = frame(answer)
    return rows[metric].astype(float).groupby(rows.stat_time_day).sum().to_dict()


@pytest.mark.parametrize("account", ["30001", "30002"])
def test_a_report_shows_the_truth_on_both_clocks(ads, truth, account):
    ads.at("2026-04-10")
    first, last = "2026-03-11", "2026-04-09"
    report = ads.custom(first, last, account, dimensions=["stat_time_day"], metrics=METRICS)

    days = delivered(truth, "oceanengine", account, last, ["date"]).loc[first:]
    shown = frame(report).set_index("stat_time_day")
    assert (shown.stat_cost.astype(float) * 100).round().astype(int).to_dict() == (
        days.cost_fen.to_dict()
    )
    assert shown.show_cnt.astype(int).to_dict() == days.impressions.to_dict()
    for metric, clock in (("convert_cnt", "reported"), ("attribution_convert_cnt", "request")):
        expected = claimed(truth, "oceanengine", account, f"{clock}_date", "2026-04-10")
        expected = {day: n for day, n in expected.items() if first <= day <= last}
        assert nonzero(shown[metric].astype(int).to_dict()) == expected
        assert expected


def test_everything_is_text_and_ids_pass_what_a_float_holds(ads):
    ads.at("2026-04-10")
    answer = ads.custom("2026-04-08", "2026-04-09", metrics=[*METRICS, "ctr", "avg_rank"])

    row = answer["data"]["rows"][0]
    assert all(isinstance(v, str) for part in row.values() for v in part.values())
    assert int(row["dimensions"]["cdp_project_id"]) > 2**53
    assert row["metrics"]["stat_cost"].split(".")[1].isdigit()
    assert row["metrics"]["avg_rank"] == "-1"
    ctr = 100 * int(row["metrics"]["click_cnt"]) / int(row["metrics"]["show_cnt"])
    assert float(row["metrics"]["ctr"]) == pytest.approx(ctr, abs=0.005)


def test_the_billing_clock_grows_for_weeks_and_the_event_clock_is_final_next_morning(ads):
    seen = {name: [] for name in ("convert_cnt", "attribution_convert_cnt")}
    for day in ("2026-03-21", "2026-03-24", "2026-03-28", "2026-04-15"):
        ads.at(day)
        report = ads.custom(
            "2026-03-14", "2026-03-20", dimensions=["stat_time_day"], metrics=METRICS
        )
        for name, values in seen.items():
            values.append(sum(numbers(report, name).values()))

    assert len(set(seen["convert_cnt"])) == 1
    billing = seen["attribution_convert_cnt"]
    assert billing == sorted(billing)
    assert billing[0] < 0.9 * billing[-1]


def test_estimates_of_the_running_day_move_both_ways_until_nine_of_the_next(ads, truth):
    whole = delivered(truth, "oceanengine", "30001", "2026-04-09", ["date"]).cost_fen["2026-04-09"]
    costs = []
    for hour in range(1, 10):
        ads.at(f"2026-04-10T{hour:02d}:00")
        costs.append(numbers(ads.custom("2026-04-09", "2026-04-09"), "stat_cost")["2026-04-09"])
    changes = [b - a for a, b in itertools.pairwise(costs)]

    assert min(changes) < 0 < max(changes)
    assert round(costs[-1] * 100) == whole
    assert len({round(c * 100) for c in costs[:-1]} - {whole}) > 2


def test_hours_sum_to_the_day_and_totals_hold_every_page(ads):
    ads.at("2026-04-10")
    by_hour = ads.custom("2026-04-08", "2026-04-08", dimensions=["stat_time_hour"], metrics=METRICS)
    day = ads.custom("2026-04-08", "2026-04-08", dimensions=["stat_time_day"], metrics=METRICS)
    hours, whole = frame(by_hour), frame(day).iloc[0]

    assert hours.stat_time_hour.str.match(r"2026-04-08 \d\d:00 - \d\d:59$").all()
    for metric in METRICS:
        assert hours[metric].astype(float).sum() == pytest.approx(float(whole[metric]), abs=1e-6)
    asked = {
        "dimensions": ["stat_time_day", "cdp_promotion_id"],
        "order_by": [
            {"field": "stat_time_day", "type": "ASC"},
            {"field": "cdp_promotion_id", "type": "ASC"},
        ],
        "page_size": 7,
    }
    pages, page = [], 1
    while True:
        answer = ads.custom("2026-04-01", "2026-04-09", page=page, **asked)["data"]
        pages += answer["rows"]
        if page >= answer["page_info"]["total_page"]:
            break
        page += 1
    assert len(pages) == answer["page_info"]["total_number"] > 40
    keys = [tuple(row["dimensions"].values()) for row in pages]
    assert keys == sorted(set(keys))
    cost = sum(float(row["metrics"]["stat_cost"]) for row in pages)
    assert cost == pytest.approx(float(answer["total_metrics"]["stat_cost"]), abs=0.005)


def test_filters_choose_objects_and_compare_figures(ads):
    ads.at("2026-04-10")
    everything = frame(ads.custom("2026-04-09", "2026-04-09"))
    wanted = everything.cdp_project_id.iloc[0]
    item = {"field": "cdp_project_id", "type": 2, "operator": 10, "values": [wanted]}
    one = frame(ads.custom("2026-04-09", "2026-04-09", filters=[item]))
    limit = str(sorted(everything.stat_cost.astype(float))[1])
    item = {"field": "stat_cost", "type": 3, "operator": 5, "values": [limit]}
    dear = frame(ads.custom("2026-04-09", "2026-04-09", filters=[item]))

    assert one.cdp_project_id.tolist() == [wanted]
    assert len(dear) == len(everything) - 1


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": None},
        {"order_by": None},
        {"dimensions": []},
        {"metrics": ["cost"]},
        {"dimensions": ["material_id"]},
        {"page_size": 101},
        {"page": 0},
        {"data_topic": "VIDEO_DURATION_DATA"},
        {"order_by": [{"field": "convert_cnt", "type": "ASC"}]},
        {"start_time": "2026-03-01"},
        {"start_time": "2016-10-25", "end_time": "2016-10-26"},
        {"end_time": "2026-04-11 00:00:00"},
        {"end_time": "2026-04-08"},
        {"start_time": "yesterday"},
        {"dimensions": ["stat_time_hour"], "metrics": ["avg_rank"]},
        {"filters": [{"field": "cdp_project_id", "type": 2, "operator": 10, "values": [1]}]},
        {"advertiser_id": "x"},
    ],
)
def test_refused_parameters(ads, changes):
    ads.at("2026-04-10")

    answer = ads.custom("2026-04-09", "2026-04-09", **changes)

    assert answer["code"] == 40000
    assert answer["message"]
    assert answer["data"] == {}
    assert answer["request_id"]


def test_the_config_names_what_may_be_asked_for(ads):
    ads.at("2026-04-10")
    topics = ["BASIC_DATA", "MATERIAL_DATA"]
    basic, material = ads.oceanengine(CONFIG, data_topics=topics).json()["data"]["list"]
    dimensions = [d["field"] for d in basic["dimensions"]]
    metrics = [m["field"] for m in basic["metrics"] if "stat_time_hour" not in m["exclusion_dims"]]

    assert "material_id" in {d["field"] for d in material["dimensions"]} - set(dimensions)
    answer = ads.custom("2026-04-09", "2026-04-09", dimensions=dimensions, metrics=metrics)
    assert len(frame(answer)) > 24
    assert ads.oceanengine(CONFIG, data_topics=["NOTHING"]).json()["code"] == 40000


def test_a_task_ends_in_a_file_with_the_report(ads):
    ads.at("2026-04-10")
    asked = {
        "advertiser_id": int(ads.entry("oceanengine", "30001")["options"]["advertiser_id"]),
        "task_name": "days",
        "data_topic": "BASIC_DATA",
        "dimensions": ["stat_time_day", "cdp_promotion_id"],
        "metrics": METRICS,
        "filters": [],
        "order_by": [],
        "start_time": "2026-04-01 00:00:00",
        "end_time": "2026-04-09 00:00:00",
    }
    headers = ads.header("oceanengine", "30001")
    url = f"{ads.api.url}{TASK}create/"
    made = ads.api.http.post(url, json=asked, headers=headers).json()["data"]
    early = ads.oceanengine(TASK + "download/", task_id=made["task_id"]).json()
    states = [
        ads.oceanengine(TASK + "get/", task_id=made["task_id"]).json()["data"]["task_status"]
        for _ in range(3)
    ]
    file = ads.oceanengine(TASK + "download/", task_id=made["task_id"])

    assert made["task_status"] == "ASYNC_TASK_STATUS_CREATED"
    assert early["code"] == 40000
    assert states == [f"ASYNC_TASK_STATUS_{s}" for s in ("EXECUTING", "COMPLETED", "COMPLETED")]
    rows = list(csv.DictReader(io.StringIO(file.content.decode())))
    pages = frame(
        ads.custom("2026-04-01", "2026-04-09", dimensions=asked["dimensions"], metrics=METRICS)
    )
    assert rows == pages.to_dict("records")
    assert ads.oceanengine(TASK + "get/", task_id=1).json()["code"] == 40000


def test_deleted_objects_show_only_for_who_asks_for_all(ads, truth):
    ads.at("2026-04-25")  # the unit that ends at 60 % of the period is deleted by now
    path = "/open_api/v3.0/promotion/list/"
    listed = ads.oceanengine(path, page_size=20).json()["data"]
    with_deleted = {"status": "PROMOTION_STATUS_ALL"}
    all_ = ads.oceanengine(path, page_size=20, filtering=with_deleted).json()["data"]["list"]
    groups = truth["ad_groups"].query("platform == 'oceanengine' and account == '30001'")

    assert {str(p["promotion_id"]) for p in all_} == set(groups.adgroup_id)
    gone = [p for p in all_ if p["status_first"] == "PROMOTION_STATUS_DELETED"]
    assert [p["promotion_name"] for p in gone] == ["面膜-素材赛马"]
    assert len(listed["list"]) == listed["page_info"]["total_number"] == len(all_) - 1
    by_cursor, cursor = [], 0
    while True:
        page = ads.oceanengine(path, cursor=cursor, count=2).json()["data"]
        by_cursor += page["list"]
        assert "page_info" not in page
        if not page["cursor_info"]["has_more"]:
            break
        cursor = page["cursor_info"]["cursor"]
    assert by_cursor == listed["list"]
    assert ads.oceanengine(path, cursor=0, filtering={"ids": [1]}).json()["code"] == 40000
    assert ads.oceanengine(path, page_size=21).json()["code"] == 40000


def test_projects_appear_when_they_are_made_and_can_be_asked_by_modification(ads):
    path = "/open_api/v3.0/project/list/"
    counts = []
    for day in ("2026-03-10", "2026-04-10"):
        ads.at(day)
        counts.append(ads.oceanengine(path).json()["data"]["page_info"]["total_number"])
    window = {
        "project_modify_start_time": "2026-03-31 00:00:00",
        "project_modify_end_time": "2026-04-02 00:00:00",
    }
    changed = ads.oceanengine(path, filtering=window).json()["data"]["list"]
    late = window | {"project_modify_end_time": "2026-05-02 00:00:00"}

    assert counts == [2, 3]
    assert changed
    assert all(p["project_modify_time"] == "2026-04-01 10:00:00" for p in changed)
    assert ads.oceanengine(path, filtering=late).json()["code"] == 40000
    only = ads.oceanengine(path, fields=["project_id", "name"]).json()["data"]["list"]
    assert set(only[0]) == {"project_id", "name"}


def test_the_legacy_report_has_nothing_for_new_accounts(ads):
    ads.at("2026-04-10")
    path = "/open_api/2/report/campaign/get/"
    answer = ads.oceanengine(path, start_date="2026-04-01", end_date="2026-04-09").json()

    assert answer["data"] == {
        "list": [],
        "page_info": {"page": 1, "page_size": 20, "total_number": 0, "total_page": 0},
    }
    long = ads.oceanengine(path, start_date="2026-03-01", end_date="2026-04-09").json()
    assert long["code"] == 40000


def test_a_refresh_voids_the_pair_before_it(ads):
    ads.at("2026-03-05")
    old = ads.entry("oceanengine", "30001")["credentials"]["refresh_token"]
    first = ads.refresh("oceanengine", "30001")["data"]
    assert first["expires_in"] == 86_400
    second = ads.refresh("oceanengine", "30001", refresh_token=first["refresh_token"])["data"]

    def asked_with(token):
        url = f"{ads.api.url}/open_api/oauth2/advertiser/get/"
        return ads.api.http.get(url, headers={"Access-Token": token} if token else {}).json()

    assert asked_with(first["access_token"])["code"] == 40105
    assert asked_with("")["code"] == 40104
    [advertiser] = asked_with(second["access_token"])["data"]["list"]
    assert advertiser["advertiser_id"] == 18300000000030001
    for dead in (old, first["refresh_token"], "nonsense"):
        assert ads.refresh("oceanengine", "30001", refresh_token=dead)["code"] == 40107
    assert ads.refresh("oceanengine", "30001", secret="x")["code"] == 40002
    assert ads.refresh("oceanengine", "30001", app_id=1)["code"] == 40113
    foreign = ads.oceanengine(CONFIG, advertiser_id=18300000000030003, data_topics=["BASIC_DATA"])
    assert foreign.json()["code"] == 40002


def test_tokens_age_on_the_virtual_clock(ads):
    ads.at("2026-03-05")
    pair = ads.refresh("oceanengine", "30001")["data"]
    url = f"{ads.api.url}/_sandbox/clock"
    ads.api.http.put(url, json={"now": "2026-03-06T10:30:00+08:00"})
    path = f"{ads.api.url}/open_api/oauth2/advertiser/get/"
    answer = ads.api.http.get(path, headers={"Access-Token": pair["access_token"]}).json()
    assert answer["code"] == 40102
    ads.api.http.put(url, json={"now": "2026-04-04T10:30:00+08:00"})
    late = ads.refresh("oceanengine", "30001", refresh_token=pair["refresh_token"])
    assert late["code"] == 40103


def test_a_code_is_good_once_and_for_ten_minutes(ads):
    ads.at("2026-03-05")
    path, app = "/open_api/oauth2/access_token/", ads.app("oceanengine", "30001")
    code = ads.code("oceanengine", "30001")
    pair = ads.api.post(path, app | {"auth_code": code})["data"]
    late = ads.code("oceanengine", "30001")
    url = f"{ads.api.url}/_sandbox/clock"
    ads.api.http.put(url, json={"now": "2026-03-05T10:41:00+08:00"})

    assert pair["advertiser_ids"] == [18300000000030001]
    assert ads.api.post(path, app | {"auth_code": code})["code"] == 40115
    assert ads.api.post(path, app | {"auth_code": late})["code"] == 40115
    assert ads.api.post(path, app | {"auth_code": "never"})["code"] == 40107
    assert ads.api.post(path, app)["code"] == 40000
    answer = ads.api.post("/_sandbox/authorise", {"source": "oceanengine", "account": "1"})
    assert "oceanengine/30001" in answer["error"]["action"]


def test_a_frozen_level_leaves_the_others_as_they_are(ads, no_faults):
    ads.at("2026-04-05")
    ads.api.post(
        "/_sandbox/faults",
        {
            "kind": "freeze",
            "source": "oceanengine",
            "stream": "project_report",
            "from": "2026-04-06",
            "days": 2,
        },
    )
    shown = []
    for day in ("2026-04-06", "2026-04-07", "2026-04-08", "2026-04-09"):
        ads.at(day)
        before = str((pd.Timestamp(day) - pd.Timedelta(days=1)).date())
        account = ads.custom(before, before, dimensions=["stat_time_day"])
        assert account["data"]["page_info"]["total_number"] == 1
        shown.append(ads.custom(before, before)["data"]["page_info"]["total_number"] > 0)

    assert shown == [True, False, False, True]
