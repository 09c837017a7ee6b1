"""All ad platforms: rate limits, the whole truth; Tencent by the hour, as files, as objects."""

import csv
import hashlib
import io
import itertools
import json

import pandas as pd
import pytest
from ads_api import AdsApi
from sandbox_api import Api, days_between

from sandbox.server import start

FIRST, LAST = "2026-03-02", "2026-04-30"
AFTER = "2026-06-10"


@pytest.fixture
def ads(api) -> AdsApi:
    return AdsApi(api)


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """A server that takes a twentieth of the usual calls."""
    folder = tmp_path_factory.mktemp("limited")
    with start("small", 7, state_dir=folder, rate_limit_scale=0.05) as handle:
        api = Api(handle.url)
        api.at("2026-04-10")
        yield AdsApi(api)


def until_refused(ask) -> list[int]:
    """Codes of calls one after the other, up to the first that is not 0."""
    codes = [ask()]
    while codes[-1] == 0 and len(codes) < 300:
        codes.append(ask())
    return codes


def test_calls_over_the_limits_get_the_documented_codes(limited):
    limited.header("oceanengine", "30001")
    day = ("2026-04-09", "2026-04-09")
    # three a second for the developer and each API, five for the advertiser over all of them
    codes = until_refused(lambda: limited.custom(*day)["code"])
    assert (codes[:3], codes[-1]) == ([0, 0, 0], 40110)
    paths = itertools.cycle(("project", "promotion", "report/custom/config/get"))
    answers = {}

    def another() -> int:
        path = next(paths)
        path = path if "/" in path else f"{path}/list"
        asked = {"data_topics": ["BASIC_DATA"]} if "config" in path else {}
        answers["last"] = limited.oceanengine(f"/open_api/v3.0/{path}/", **asked)
        return answers["last"].json()["code"]

    assert until_refused(another)[-1] == 40130
    assert answers["last"].headers["X-RateLimit-Dimension"] == "advertiser"

    limited.baidu_header()
    columns = {"columns": ["click"]}
    headers = []

    def report() -> int:
        headers.append(limited.baidu_report(*day, **columns)["header"])
        return headers[-1]["status"]

    assert until_refused(report)[-1] == 2
    assert headers[-1]["failures"][0]["code"] == 8501

    codes = [limited.kuaishou("account_report", *day)["code"] for _ in range(101)]
    assert codes == [0] * 100 + [500429]
    codes = [limited.juguang("offline/account", *day)["code"] for _ in range(151)]
    assert codes == [0] * 150 + [500429]


def test_in_the_end_every_platform_has_told_the_whole_truth(ads, truth):
    ads.at(AFTER)
    cost: dict[tuple, int] = {}
    starts = pd.date_range(FIRST, LAST, freq="30D")
    for account in ("30001", "30002"):
        for first in starts:
            answer = ads.custom(
                str(first.date()),
                str((first + pd.Timedelta(days=29)).date()),
                account,
                dimensions=["stat_time_day"],
            )
            for row in answer["data"]["rows"]:
                key = ("oceanengine", account, row["dimensions"]["stat_time_day"])
                cost[key] = round(float(row["metrics"]["stat_cost"]) * 100)
    rows = ads.baidu_report(FIRST, LAST, reportType=2208157, columns=["date", "cost"])
    for row in rows["body"]["data"][0]["rows"]:
        cost["baidu", "50001", row["date"]] = round(row["cost"] * 100)
    rows = ads.juguang("offline/account", FIRST, LAST, page_size=1000)["data"]["data_list"]
    for row in rows:
        fee = float(row["fee"].replace(",", ""))
        cost["juguang", "60001", row["time"]] = round(fee * 100)
    for week in days_between(FIRST, LAST)[6::7]:
        ads.at(str((pd.Timestamp(week) + pd.Timedelta(days=1)).date()))
        first = str((pd.Timestamp(week) - pd.Timedelta(days=6)).date())
        for row in ads.kuaishou("account_report", first, week)["data"]["details"]:
            cost["kuaishou", "40001", row["stat_date"]] = round(row["charge"] * 100)

    days = truth["ad_days"].query("platform != 'tencent_ads'")
    days = days.assign(date=days.date.astype(str)).groupby(["platform", "account", "date"])
    expected = days.cost_fen.sum().to_dict()
    last_week = {key for key in expected if key[0] == "kuaishou" and key not in cost}
    assert len(last_week) == len(days_between(FIRST, LAST)) % 7
    assert {key: fen for key, fen in expected.items() if key not in last_week} == cost


# -------------------------------------------------------------------------------------- Tencent
def tencent(api, path: str, **asked):

    query = {
        k: json.dumps(v) if isinstance(v, (list, dict)) else v
        for k, v in (api.signed() | asked).items()
    }
    return api.http.get(f"{api.url}/v3.0/{path}", params=query)


HOURLY = {
    "level": "REPORT_LEVEL_ADGROUP",
    "date_range": {"start_date": "2026-04-09", "end_date": "2026-04-09"},
    "group_by": ["hour", "adgroup_id"],
    "fields": ["date", "hour", "adgroup_id", "view_count", "cost", "conversions_count"],
    "page_size": 2000,
}


def test_tencent_hours_sum_to_the_day(api):
    api.at("2026-04-10")
    for clock in ("REQUEST_TIME", "REPORTING_TIME"):
        hours = tencent(api, "hourly_reports/get", **HOURLY, time_line=clock).json()
        shown = pd.DataFrame(hours["data"]["list"])
        day = api.report("2026-04-09", "2026-04-09", time_line=clock)["data"]["list"]
        whole = pd.DataFrame(day).groupby("adgroup_id")
        for name in ("view_count", "cost", "conversions_count"):
            assert shown.groupby("adgroup_id")[name].sum().to_dict() == whole[name].sum().to_dict()
        assert set(shown.hour) == set(range(24))
        assert set(shown.date) == {"2026-04-09"}


def test_a_tencent_hour_is_there_half_an_hour_after_its_end(api):
    seen = []
    for moment in ("2026-04-09T12:29", "2026-04-09T12:30"):
        api.at(moment)
        hours = tencent(api, "hourly_reports/get", **HOURLY).json()["data"]["list"]
        seen.append(max(row["hour"] for row in hours if row["view_count"]))

    assert seen == [10, 11]


@pytest.mark.parametrize(
    "changes",
    [
        {"date_range": {"start_date": "2026-04-08", "end_date": "2026-04-09"}},
        {"date_range": {"start_date": "2026-01-09", "end_date": "2026-01-09"}},
        {"group_by": ["date"]},
        {"group_by": ["hour", "site_set"]},
        {"filtering": [{"field": "site_set", "operator": "EQUALS", "values": ["x"]}]},
        {"order_by": [{"sort_field": "cost", "sort_type": "UP"}]},
    ],
)
def test_refused_tencent_hours(api, changes):
    api.at("2026-04-10")
    assert tencent(api, "hourly_reports/get", **HOURLY | changes).json()["code"] == 31033


def test_tencent_creatives_share_what_their_adgroup_has(api):
    api.at("2026-04-10")
    creatives = pd.DataFrame(
        api.report(
            "2026-04-09",
            "2026-04-09",
            level="REPORT_LEVEL_DYNAMIC_CREATIVE",
            group_by=["date", "adgroup_id", "dynamic_creative_id"],
            fields=["adgroup_id", "dynamic_creative_id", "dynamic_creative_name", "cost"],
        )["data"]["list"]
    )
    adgroups = pd.DataFrame(api.report("2026-04-09", "2026-04-09")["data"]["list"])

    assert creatives.dynamic_creative_id.is_unique
    assert creatives.groupby("adgroup_id").size().max() == 2
    cost = adgroups.groupby("adgroup_id").cost.sum()
    assert creatives.groupby("adgroup_id").cost.sum().to_dict() == cost.to_dict()


def test_a_tencent_task_ends_in_a_file_of_one_day(api):
    api.at("2026-04-10")
    asked = {
        "account_id": 20001,
        "task_name": "day",
        "level": "REPORT_LEVEL_ADGROUP",
        "report_fields": ["cost", "view_count"],
        "group_by": ["date", "adgroup_id", "site_set"],
        "granularity": "DAILY",
        "date": "2026-04-09",
    }

    def add(**changes):
        signed = {k: v for k, v in api.signed().items() if k != "account_id"}
        url = f"{api.url}/v3.0/async_reports/add"
        return api.http.post(url, params=signed, json=asked | changes).json()

    task = add()["data"]["task_id"]
    looks = [tencent(api, "async_reports/get").json()["data"]["list"][0] for _ in range(3)]
    [file] = looks[-1]["result"]["data"]["file_info_list"]
    content = tencent(api, "async_report_files/get", task_id=task, file_id=file["file_id"]).content

    assert [look["task_id"] for look in looks] == [task] * 3
    assert looks[-1]["status"] == "TASK_STATUS_COMPLETED"
    assert "result" not in looks[0]
    assert hashlib.md5(content).hexdigest() == file["md5"]
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    report = api.report("2026-04-09", "2026-04-09")["data"]["list"]
    assert [{k: str(v) for k, v in r.items() if k in rows[0]} for r in report] == rows
    for changes in (
        {"granularity": "WEEKLY"},
        {"date": "2026-04-11"},
        {"granularity": "HOURLY", "group_by": ["hour"], "date": "2026-03-01"},
        {"group_by": ["date"] * 6},
        {"task_name": ""},
    ):
        assert add(**changes)["code"] == 31033, changes
    answer = tencent(api, "async_report_files/get", task_id=task, file_id=1).json()
    assert answer["code"] == 31033


def test_tencent_adgroups_by_page_and_by_cursor(api, truth):
    api.at("2026-04-25")
    groups = truth["ad_groups"].query("platform == 'tencent_ads' and account == '20001'")
    normal = tencent(api, "adgroups/get", page_size=100).json()["data"]
    deleted = tencent(api, "adgroups/get", is_deleted="true").json()["data"]["list"]
    rows, cursor = [], None
    while cursor != "":
        asked = {"cursor": cursor} if cursor else {}
        page = tencent(
            api,
            "adgroups/get",
            page_size=2,
            pagination_mode="PAGINATION_MODE_CURSOR",
            **asked,
        ).json()["data"]
        assert "page_info" not in page
        rows += page["list"]
        cursor = page["cursor_page_info"]["next_cursor"]
        assert len(cursor) <= 10

    assert rows == normal["list"]
    ids = {str(row["adgroup_id"]) for row in rows + deleted}
    assert ids == set(groups.adgroup_id)
    assert [row["adgroup_name"] for row in deleted] == ["冬季修护-旧计划"]
    new = tencent(
        api,
        "adgroups/get",
        filtering=[
            {"field": "created_time", "operator": "GREATER", "values": ["1772380800"]},
        ],
        fields=["adgroup_id", "daily_budget"],
    ).json()["data"]["list"]
    assert [set(row) for row in new] == [{"adgroup_id", "daily_budget"}]
    assert tencent(api, "adgroups/get", page=101).json()["code"] == 31033
    assert tencent(api, "adgroups/get", page_size=101).json()["code"] == 31033


def test_a_tencent_code_is_good_once_and_for_five_minutes(api):
    api.at("2026-03-05")
    ads = AdsApi(api)
    entry = ads.entry("tencent_ads", "20001")
    query = {
        "client_id": entry["options"]["client_id"],
        "client_secret": entry["credentials"]["client_secret"],
        "grant_type": "authorization_code",
        "redirect_uri": "https://example.com",
    }
    code, late = ads.code("tencent_ads", "20001"), ads.code("tencent_ads", "20001")
    first = api.get("/oauth/token", **query, authorization_code=code)

    assert first["data"]["authorizer_info"]["account_id"] == 20001
    assert first["data"]["refresh_token"]
    assert api.get("/oauth/token", **query, authorization_code=code)["code"] == 11013
    assert api.get("/oauth/token", **query, authorization_code="x")["code"] == 11011
    api.http.put(f"{api.url}/_sandbox/clock", json={"now": "2026-03-05T10:36:00+08:00"})
    assert api.get("/oauth/token", **query, authorization_code=late)["code"] == 11009
    api.at("2026-03-05")
