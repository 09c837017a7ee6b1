"""Tencent Ads: authorisation, signatures, grouping, both clocks."""

import json

import pandas as pd
import pytest
from sandbox_api import FIELDS


def rows(answer: dict) -> pd.DataFrame:
    assert answer["code"] == 0, answer
    return pd.DataFrame(answer["data"]["list"])


def known_on(truth, clock: str, moment: str, account: str = "20001") -> pd.DataFrame:
    c = truth["ad_conversions"].query("platform == 'tencent_ads' and account == @account")
    c = c[c.visible_at <= pd.Timestamp(moment, tz="Asia/Shanghai")]
    c = c[(c.conversion_type != "order") & (c[clock].astype(str) >= "2026-03-02")]
    return (
        c.assign(date=c[clock].astype(str), is_add=c.conversion_type == "add")
        .groupby("date")
        .agg(conversions=("visible_at", "size"), scans=("is_add", "sum"))
    )


@pytest.mark.parametrize("account", ["20001", "20002"])
@pytest.mark.parametrize(
    ("clock", "column"), [("REQUEST_TIME", "request_date"), ("REPORTING_TIME", "reported_date")]
)
def test_a_report_shows_what_is_known_on_its_clock(api, truth, account, clock, column):
    api.at("2026-04-10")
    report = rows(api.report("2026-03-02", "2026-04-09", account, time_line=clock))

    days = truth["ad_days"][lambda d: (d.account == account) & (d.date.astype(str) <= "2026-04-09")]
    assert report.cost.sum() == days.cost_fen.sum() > 0
    assert report.view_count.sum() == days.impressions.sum()
    assert report.valid_click_count.sum() == days.clicks.sum()
    expected = known_on(truth, column, "2026-04-10T10:30", account).loc[:"2026-04-09"]
    shown = report.groupby("date").conversions_count.sum()
    assert shown[shown > 0].to_dict() == expected.conversions.to_dict()
    scans = report.groupby("date").scan_follow_user_count.sum()
    assert scans.sum() == expected.scans.sum()
    assert set(report.account_id) == {int(account)}
    assert set(report.columns) == set(FIELDS)


def test_old_days_keep_growing_on_the_request_clock_only(api):
    def conversions(clock):
        return rows(api.report("2026-03-20", "2026-03-20", time_line=clock)).conversions_count.sum()

    seen = {clock: [] for clock in ("REQUEST_TIME", "REPORTING_TIME")}
    for day in ("2026-03-21", "2026-03-23", "2026-03-27", "2026-04-25"):
        api.at(day)
        for clock, values in seen.items():
            values.append(conversions(clock))

    request, reporting = seen.values()
    assert request == sorted(request)
    assert request[0] < request[-1]
    assert len(set(reporting)) == 1


def test_before_eight_yesterday_is_partial_and_today_never_counts_as_whole(api, truth):
    whole = truth["ad_days"][
        lambda d: (d.account == "20001") & (d.date.astype(str) == "2026-04-09")
    ].cost_fen.sum()
    costs = []
    for hour in ("2026-04-09T12:00", "2026-04-10T00:00", "2026-04-10T07:59", "2026-04-10T08:00"):
        api.at(hour)
        costs.append(rows(api.report("2026-04-09", "2026-04-09")).cost.sum())

    assert costs == sorted(costs)
    assert costs[2] < whole == costs[3]


def test_grouping_sums_over_what_is_not_named(api):
    api.at("2026-04-10")
    detail = rows(api.report("2026-04-01", "2026-04-07"))
    by_day = rows(
        api.report("2026-04-01", "2026-04-07", level="REPORT_LEVEL_ADVERTISER", group_by=["date"])
    )
    by_adgroup = rows(api.report("2026-04-01", "2026-04-07", group_by=["adgroup_id"]))
    one = rows(
        api.report(
            "2026-04-01",
            "2026-04-07",
            filtering=[{"field": "adgroup_id", "operator": "IN", "values": ["9100000012"]}],
        )
    )

    assert by_day.cost.tolist() == detail.groupby("date").cost.sum().tolist()
    assert by_day.conversions_count.tolist() == (
        detail.groupby("date").conversions_count.sum().tolist()
    )
    assert "adgroup_id" not in by_day
    assert "site_set" not in by_day
    assert "date" not in by_adgroup
    assert by_adgroup.set_index("adgroup_id").cost.to_dict() == (
        detail.groupby("adgroup_id").cost.sum().to_dict()
    )
    assert one.cost.sum() == detail[detail.adgroup_id == 9100000012].cost.sum()


def test_only_the_fields_asked_for_come_and_rates_are_recomputed(api):
    api.at("2026-04-10")
    report = rows(
        api.report(
            "2026-04-07",
            "2026-04-07",
            fields=["date", "ctr", "cpc", "cost", "valid_click_count", "view_count", "video_id"],
        )
    )

    assert set(report.columns) == {"date", "ctr", "cpc", "cost", "valid_click_count", "view_count"}
    first = report.iloc[0]
    assert first.cpc == round(first.cost / first.valid_click_count)
    assert first.ctr == round(first.valid_click_count / first.view_count, 4)


def test_pages_hold_ten_rows_unless_asked_and_together_everything(api):
    api.at("2026-04-10")
    first = api.report("2026-04-01", "2026-04-07", page_size=None)["data"]
    pages = [
        rows(api.report("2026-04-01", "2026-04-07", page=n, page_size=25)) for n in range(1, 10)
    ]
    everything = rows(api.report("2026-04-01", "2026-04-07"))
    ordered = rows(
        api.report(
            "2026-04-01", "2026-04-07", order_by=[{"sort_field": "cost", "sort_type": "DESCENDING"}]
        )
    )

    assert len(first["list"]) == first["page_info"]["page_size"] == 10
    assert first["page_info"]["total_number"] == len(everything)
    assert first["page_info"]["total_page"] == -(-len(everything) // 10)
    assert pd.concat(pages).reset_index(drop=True).cost.tolist() == everything.cost.tolist()
    assert ordered.cost.tolist() == sorted(everything.cost, reverse=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"level": "REPORT_LEVEL_CAMPAIGN"},
        {"group_by": None},
        {"fields": None},
        {"fields": []},
        {"fields": ["costs"]},
        {"group_by": ["hour"]},
        {"page_size": 2001},
        {"page": 0},
        {"date_range": "2026-04-01"},
        {"time_line": "WALL_CLOCK"},
        {"nonce": "n" * 33},
        {"timestamp": "1"},
        {"timestamp": None},
        {"level": "REPORT_LEVEL_ADVERTISER", "group_by": ["date", "adgroup_id"]},
        {"date_range": {"start_date": "2026-04-01", "end_date": "2026-04-11"}},
        {"date_range": {"start_date": "2026-01-01", "end_date": "2026-04-09"}},
        {"date_range": {"start_date": "2025-04-10", "end_date": "2025-04-11"}},
    ],
)
def test_refused_parameters(api, changes):
    api.at("2026-04-10")
    asked = (
        api.signed()
        | {
            "level": "REPORT_LEVEL_ADGROUP",
            "group_by": ["date"],
            "date_range": {"start_date": "2026-04-01", "end_date": "2026-04-02"},
            "fields": FIELDS,
        }
        | changes
    )
    query = {
        k: json.dumps(v) if isinstance(v, (list, dict)) else v
        for k, v in asked.items()
        if v is not None
    }

    answer = api.http.get(f"{api.url}/v3.0/daily_reports/get", params=query)

    assert answer.status_code == 200
    assert answer.json()["code"] == 31033
    assert answer.json()["message_cn"]
    assert answer.json()["trace_id"] in answer.json()["message"]
    assert answer.headers["X-RateLimit-Remaining"].startswith("100,")


def test_tokens_and_signatures_are_checked(api):
    api.at("2026-04-10")
    path, signed = "/v3.0/daily_reports/get", api.signed()

    def code(**changes):
        return api.get(path, **(signed | {"nonce": f"t{changes}"[:32]} | changes))["code"]

    assert code(access_token="") == 11005
    assert code(access_token="zz") == 11004
    assert code(access_token="0" * 64) == 11002
    assert code(account_id="20002") == 11014
    assert "nonce was used" not in api.get(path, **signed)["message"]
    assert "nonce was used" in api.get(path, **signed)["message"]
    late = signed | {"timestamp": signed["timestamp"] - 301, "nonce": "late"}
    assert "timestamp" in api.get(path, **late)["message"]
    api.http.put(f"{api.url}/_sandbox/clock", json={"now": "2026-04-11T10:30:00+08:00"})
    assert code(timestamp=signed["timestamp"] + 86_400) == 11000


def test_the_refresh_token_stays_and_its_thirty_days_begin_anew(api):
    api.at("2026-03-05")
    ads = Account(api)
    assert ads.ask()["code"] == 0
    for day in ("2026-04-03", "2026-05-02"):
        api.http.put(f"{api.url}/_sandbox/clock", json={"now": f"{day}T10:30:00+08:00"})
        answer = ads.ask()
        assert answer["code"] == 0
        assert "refresh_token" not in answer["data"]
    api.http.put(f"{api.url}/_sandbox/clock", json={"now": "2026-06-02T10:30:00+08:00"})
    assert ads.ask()["code"] == 11012
    assert ads.ask(client_secret="wrong")["code"] == 11007
    assert ads.ask(refresh_token="short")["code"] == 11010


def test_a_new_pair_kills_the_old_one(api):
    api.at("2026-03-05")
    ads = Account(api)
    old = ads.ask()["data"]["access_token"]
    pair = ads.ask("/oauth/refresh_token")["data"]

    assert ads.ask()["code"] == 11012
    assert ads.ask(refresh_token=pair["refresh_token"])["code"] == 0
    assert api.get("/v3.0/daily_reports/get", access_token=old)["code"] == 11002


class Account:
    """The first account with a refresh token of its own, authorised anew."""

    def __init__(self, api) -> None:
        self.api = api
        listed = api.get("/_sandbox/accounts")["accounts"]
        entry = next(a for a in listed if a["account"] == "20001")
        api.accounts["tencent_ads", "20001"] = entry
        self.query = {
            "client_id": entry["options"]["client_id"],
            "grant_type": "refresh_token",
            **entry["credentials"],
        }

    def ask(self, path: str = "/oauth/token", **changes) -> dict:
        return self.api.get(path, **(self.query | changes))
