"""Kuaishou and Juguang: bodies by POST, two clocks, windows, text figures, own codes."""

import pandas as pd
import pytest
from ads_api import AdsApi, claimed, delivered, nonzero

TOKEN, PARAMETER, CREDENTIALS, PERMISSION = 401001, 400001, 400101, 403001


@pytest.fixture
def ads(api) -> AdsApi:
    return AdsApi(api)


def details(answer: dict) -> pd.DataFrame:
    assert answer["code"] == 0, answer
    return pd.DataFrame(answer["data"]["details"])


def listed(answer: dict) -> pd.DataFrame:
    """Juguang's figures, read as its clients do: commas, percent signs and dashes."""
    assert answer["code"] == 0, answer
    assert answer["success"] is True
    rows = pd.DataFrame(answer["data"]["data_list"])
    texts = [c for c in rows if c not in ("time", "ctr", *_ATTRIBUTES)]
    rows[texts] = rows[texts].replace("-", None)
    for column in texts:
        rows[column] = rows[column].str.replace(",", "").astype(float)
    return rows


_ATTRIBUTES = (
    "campaign_id",
    "campaign_name",
    "placement",
    "unit_id",
    "unit_name",
    "creativity_id",
    "creativity_name",
    "note_id",
    "keyword",
)


# ------------------------------------------------------------------------------------- Kuaishou
def test_kuaishou_shows_the_truth_on_both_clocks(ads, truth):
    ads.at("2026-04-10")
    first, last = "2026-04-03", "2026-04-09"
    report = details(ads.kuaishou("account_report", first, last)).set_index("stat_date")

    days = delivered(truth, "kuaishou", "40001", last, ["date"]).loc[first:]
    assert (report.charge * 100).round().astype(int).to_dict() == days.cost_fen.to_dict()
    # material impressions and actions, despite the names
    assert report.aclick.to_dict() == days.impressions.to_dict()
    assert report.bclick.to_dict() == days.clicks.to_dict()
    for name, clock, window in (
        ("conversion_num", "reported_date", None),
        ("conversion_num_by_impression_7d", "request_date", 7),
    ):
        expected = claimed(truth, "kuaishou", "40001", clock, "2026-04-10", window=window)
        expected = {day: n for day, n in expected.items() if first <= day <= last}
        assert nonzero(report[name].to_dict()) == expected
        assert expected
    first_row = report.iloc[0]
    assert first_row.action_ratio == pytest.approx(first_row.bclick / first_row.aclick, abs=5e-5)


def test_kuaishou_levels_and_hours_sum_to_the_account(ads):
    ads.at("2026-04-10")
    day = ("2026-04-09", "2026-04-09")
    account = details(ads.kuaishou("account_report", *day)).iloc[0]
    for level in ("campaign_report", "unit_report", "creative_report"):
        rows = details(ads.kuaishou(level, *day))
        assert rows.bclick.sum() == account.bclick
        assert rows.charge.sum() == pytest.approx(account.charge)
    units = details(ads.kuaishou("unit_report", *day))
    assert (units.unit_id > 2**53).all()
    hours = details(
        ads.kuaishou("account_report", *day, temporal_granularity="HOURLY", page_size=24)
    )
    assert hours.aclick.sum() == account.aclick
    assert hours.charge.sum() == pytest.approx(account.charge)
    evening = ads.kuaishou(
        "account_report",
        None,
        None,
        start_date_min="2026-04-09 18:00",
        end_date_min="2026-04-09 20:00",
    )
    between = hours[hours.stat_hour.between(18, 19)]
    assert details(evening).aclick.sum() == between.aclick.sum()


def test_kuaishou_attribution_grows_for_seven_days(ads):
    seen = {"conversion_num": [], "conversion_num_by_impression_7d": []}
    for day in ("2026-03-21", "2026-03-23", "2026-03-27"):
        ads.at(day)
        report = details(ads.kuaishou("account_report", "2026-03-20", "2026-03-20"))
        for name, values in seen.items():
            values.append(int(report[name].sum()))

    assert len(set(seen["conversion_num"])) == 1
    billing = seen["conversion_num_by_impression_7d"]
    assert billing == sorted(billing)


def test_kuaishou_pages_filters_and_columns(ads):
    ads.at("2026-04-10")
    days = ("2026-04-04", "2026-04-09")
    everything = ads.kuaishou("unit_report", *days, page_size=2000)["data"]
    pages = [
        ads.kuaishou("unit_report", *days, page_size=5, page=n)["data"]["details"]
        for n in range(1, 6)
    ]
    campaign = everything["details"][0]["campaign_id"]
    one = ads.kuaishou("unit_report", *days, campaign_ids=[campaign], page_size=100)["data"]
    few = ads.kuaishou("account_report", *days, selected_column=["charge"])["data"]["details"]
    split = details(ads.kuaishou("account_report", *days, report_dims=["placementType"]))

    assert [row for page in pages for row in page] == everything["details"]
    assert everything["total_count"] == len(everything["details"]) > 15
    assert {row["campaign_id"] for row in one["details"]} == {campaign}
    assert set(few[0]) == {"stat_date", "charge"}
    assert set(split.placement_type) == {"1", "10"}
    assert len(ads.kuaishou("unit_report", *days)["data"]["details"]) == min(
        20, everything["total_count"]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"start_date": "2026-04-02"},
        {"start_date": "2026-04-03", "end_date": "2026-04-10"},
        {"end_date": "2026-04-11"},
        {"end_date": None},
        {"page_size": 2001},
        {"unit_ids": [1]},
        {"selected_column": ["cost"]},
        {"report_dims": ["gender"]},
        {"temporal_granularity": "WEEKLY"},
        {"advertiser_id": "40001"},
    ],
)
def test_kuaishou_refuses_what_it_does_not_know(ads, changes):
    ads.at("2026-04-10")
    answer = ads.kuaishou("campaign_report", "2026-04-09", "2026-04-09", **changes)

    assert answer["code"] == PARAMETER
    assert answer["message"]
    assert answer["data"] == {}


# -------------------------------------------------------------------------------------- Juguang
def test_juguang_shows_the_truth_as_text(ads, truth):
    ads.at("2026-04-10")
    first, last = "2026-03-11", "2026-04-09"
    answer = ads.juguang("offline/account", first, last, page_size=100)
    report = listed(answer).set_index("time")

    days = delivered(truth, "juguang", "60001", last, ["date"]).loc[first:]
    assert (report.fee * 100).round().astype(int).to_dict() == days.cost_fen.to_dict()
    assert report.impression.astype(int).to_dict() == days.impressions.to_dict()
    assert report.click.astype(int).to_dict() == days.clicks.to_dict()
    raw = answer["data"]["data_list"]
    assert any("," in row["impression"] for row in raw)
    assert all(row["ctr"].endswith("%") and row["purchase_order_roi_7d"] == "-" for row in raw)
    for name, clock, kinds, window in (
        ("leads", "reported_date", ("lead",), None),
        ("valid_leads", "request_date", ("lead",), 7),
        ("msg_leads_num", "request_date", ("add",), 7),
        ("external_goods_order_15", "request_date", ("order",), 15),
        ("external_goods_order_30", "request_date", ("order",), 30),
    ):
        expected = claimed(truth, "juguang", "60001", clock, "2026-04-10", kinds, window)
        expected = {day: n for day, n in expected.items() if first <= day <= last}
        assert nonzero(report[name].to_dict()) == expected, name
        assert expected, name


def test_juguang_days_come_the_next_morning_and_windows_go_on_growing(ads):
    ads.at("2026-03-20T22:00")
    assert ads.juguang("offline/account", "2026-03-20", "2026-03-20")["data"]["total_count"] == 0
    running = ads.juguang("realtime/campaign", "2026-03-20", "2026-03-20")
    assert running["total_data"]["click"] > 0
    ads.at("2026-03-21T07:59")
    assert ads.juguang("offline/account", "2026-03-20", "2026-03-20")["data"]["total_count"] == 0
    seen = {n: [] for n in ("message_consult", "leads", "valid_leads", "external_goods_order_30")}
    for day in ("2026-03-21", "2026-03-22", "2026-03-29", "2026-04-25"):
        ads.at(day)
        report = listed(ads.juguang("offline/account", "2026-03-02", "2026-03-20", page_size=30))
        for name, values in seen.items():
            values.append(report[name].sum())

    assert len(set(seen["leads"])) == 1
    assert seen["message_consult"][0] < seen["message_consult"][1] == seen["message_consult"][3]
    assert seen["valid_leads"][0] < seen["valid_leads"][2] == seen["valid_leads"][3]
    orders = seen["external_goods_order_30"]
    assert orders == sorted(orders)
    assert orders[-1] > 0


def test_juguang_levels_and_hours_sum_to_the_account(ads):
    ads.at("2026-04-10")
    day = ("2026-04-09", "2026-04-09")
    account = listed(ads.juguang("offline/account", *day)).iloc[0]
    for level in ("campaign", "unit", "creativity", "note"):
        rows = listed(ads.juguang(f"offline/{level}", *day, page_size=1000))
        assert rows.click.sum() == account.click
        assert rows.fee.sum() == pytest.approx(account.fee)
    campaigns = listed(ads.juguang("offline/campaign", *day))
    words = listed(ads.juguang("offline/keyword", *day))
    assert words.fee.sum() == pytest.approx(campaigns[campaigns.placement == 2].fee.sum())
    hours = listed(ads.juguang("offline/account", *day, time_unit="HOUR", page_size=24))
    assert hours.impression.sum() == account.impression
    week = ads.juguang("offline/campaign", "2026-04-03", "2026-04-09", time_unit="SUMMARY")
    assert set(listed(week).time) == {"2026-04-03 ~ 2026-04-09"}
    feeds = ads.juguang("offline/campaign", *day, placement=[1])
    assert set(listed(feeds).placement) == {1}
    sorted_ = ads.juguang("offline/campaign", *day, sort_column="fee", sort="asc")
    assert listed(sorted_).fee.is_monotonic_increasing


def test_juguang_realtime_stands_beside_the_code_with_attributes_in_fen(ads):
    ads.at("2026-04-10")
    answer = ads.juguang("realtime/campaign", "2026-04-10", "2026-04-10")
    campaigns = answer["campaign_dtos"]

    assert answer["code"] == 0
    assert "data" not in answer
    assert answer["page"]["total_count"] == len(campaigns) == 4
    assert sum(c["data"]["fee"] for c in campaigns) == pytest.approx(answer["total_data"]["fee"])
    base = campaigns[0]["base_campaign_dto"]
    assert base["origin_campaign_day_budget"] % 100 == 0
    assert base["campaign_name"]
    for level in ("account", "unit", "creativity", "keyword"):
        assert ads.juguang(f"realtime/{level}", "2026-04-10", "2026-04-10")[f"{level}_dtos"]


@pytest.mark.parametrize(
    "changes",
    [
        {"end_date": "2026-04-11"},
        {"start_date": "2026-04-10"},
        {"start_date": None},
        {"page_size": 1001},
        {"time_unit": "WEEK"},
        {"sort": "up"},
        {"sort_column": "cost"},
        {"split_columns": ["gender"]},
        {"placement": ["feed"]},
    ],
)
def test_juguang_refuses_what_it_does_not_know(ads, changes):
    ads.at("2026-04-10")
    answer = ads.juguang("offline/campaign", "2026-04-09", "2026-04-09", **changes)

    assert (answer["code"], answer["success"]) == (PARAMETER, False)
    assert answer["msg"]


# --------------------------------------------------------------------------------------- tokens
@pytest.mark.parametrize(
    ("source", "account", "path", "exchange"),
    [
        (
            "kuaishou",
            "40001",
            "/rest/openapi/v1/report/account_report",
            "/rest/openapi/oauth2/authorize/access_token",
        ),
        (
            "juguang",
            "60001",
            "/api/open/jg/data/report/offline/account",
            "/api/open/oauth2/access_token",
        ),
    ],
)
def test_only_the_newest_refresh_token_works(ads, source, account, path, exchange):
    ads.at("2026-03-05")
    old = ads.entry(source, account)["credentials"]["refresh_token"]
    pair = ads.refresh(source, account)["data"]
    assert pair["access_token_expires_in"] == 86_400
    assert ads.refresh(source, account, refresh_token=old)["code"] == CREDENTIALS
    assert ads.refresh(source, account, secret="x")["code"] == CREDENTIALS
    assert ads.refresh(source, account, refresh_token=pair["refresh_token"])["code"] == 0

    def asked(token, advertiser=int(account)):
        body = {"advertiser_id": advertiser, "start_date": "2026-03-04", "end_date": "2026-03-04"}
        headers = {"Access-Token": token}
        return ads.api.http.post(ads.api.url + path, json=body, headers=headers).json()["code"]

    assert asked(pair["access_token"]) == 0
    assert asked("x") == asked("") == TOKEN
    assert asked(pair["access_token"], 7) == PERMISSION
    code, app = ads.code(source, account), ads.app(source, account)
    assert ads.api.post(exchange, app | {"auth_code": code})["data"]["refresh_token"]
    assert ads.api.post(exchange, app | {"auth_code": code})["code"] == CREDENTIALS
    url = f"{ads.api.url}/_sandbox/clock"
    ads.api.http.put(url, json={"now": "2026-03-06T10:30:00+08:00"})
    assert asked(pair["access_token"]) == TOKEN
