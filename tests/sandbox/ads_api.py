"""Plain calls to the ad platforms of the sandbox, written after the contract alone."""

import json

import pandas as pd
from sandbox_api import moment

FIRST = "2026-03-02"
SINCE = pd.Timestamp(FIRST).date()


class AdsApi:
    """Tokens are fetched anew for each moment; asking again with them is cheap."""

    def __init__(self, api) -> None:
        self.api, self._headers = api, {}

    def at(self, text: str) -> None:
        self.api.at(text)
        self._headers.clear()

    def entry(self, source: str, account: str) -> dict:
        listed = self.api.get("/_sandbox/accounts")["accounts"]
        return next(a for a in listed if (a["source"], a["account"]) == (source, account))

    def code(self, source: str, account: str) -> str:
        answer = self.api.post("/_sandbox/authorise", {"source": source, "account": account})
        return answer["auth_code"]

    def app(self, source: str, account: str) -> dict:
        entry = self.entry(source, account)
        return {"app_id": int(entry["options"]["app_id"]), "secret": entry["credentials"]["secret"]}

    def refresh(self, source: str, account: str, **changes) -> dict:
        path = {
            "oceanengine": "/open_api/oauth2/refresh_token/",
            "kuaishou": "/rest/openapi/oauth2/authorize/refresh_token",
            "juguang": "/api/open/oauth2/refresh_token",
        }[source]
        token = self.entry(source, account)["credentials"]["refresh_token"]
        return self.api.post(path, self.app(source, account) | {"refresh_token": token} | changes)

    def header(self, source: str, account: str) -> dict:
        if (source, account) not in self._headers:
            pair = self.refresh(source, account)["data"]
            self._headers[source, account] = {"Access-Token": pair["access_token"]}
        return self._headers[source, account]

    # Ocean Engine: structures are JSON text in the query
    def oceanengine(self, path: str, account: str = "30001", **asked):
        advertiser = self.entry("oceanengine", account)["options"]["advertiser_id"]
        query = {
            name: json.dumps(value) if isinstance(value, (list, dict)) else value
            for name, value in ({"advertiser_id": advertiser} | asked).items()
            if value is not None
        }
        return self.api.http.get(
            self.api.url + path, params=query, headers=self.header("oceanengine", account)
        )

    def custom(self, first: str, last: str, account: str = "30001", **changes) -> dict:
        asked = {
            "dimensions": ["stat_time_day", "cdp_project_id"],
            "metrics": ["stat_cost", "show_cnt", "click_cnt"],
            "filters": [],
            "order_by": [],
            "start_time": f"{first} 00:00:00",
            "end_time": f"{last} 00:00:00",
            "page_size": 100,
        } | changes
        return self.oceanengine("/open_api/v3.0/report/custom/get/", account, **asked).json()

    # Kuaishou and Juguang: JSON bodies
    def kuaishou(self, level: str, first: str, last: str, **changes) -> dict:
        body = {"advertiser_id": 40001, "start_date": first, "end_date": last} | changes
        return self._post("kuaishou", "40001", f"/rest/openapi/v1/report/{level}", body)

    def juguang(self, path: str, first: str, last: str, **changes) -> dict:
        body = {"advertiser_id": 60001, "start_date": first, "end_date": last} | changes
        return self._post("juguang", "60001", f"/api/open/jg/data/report/{path}", body)

    def _post(self, source: str, account: str, path: str, body: dict) -> dict:
        headers = self.header(source, account)
        return self.api.http.post(self.api.url + path, json=body, headers=headers).json()

    # Baidu: the caller in a header object of the body
    def baidu_pair(self, **changes) -> dict:
        entry = self.entry("baidu", "50001")
        body = {
            "appId": entry["options"]["app_id"],
            "userId": int(entry["options"]["user_id"]),
            "secretKey": entry["credentials"]["secret_key"],
            "refreshToken": entry["credentials"]["refresh_token"],
        }
        return self.api.post("/oauth/refreshToken", body | changes)

    def baidu_header(self) -> dict:
        if "baidu" not in self._headers:
            token = self.baidu_pair()["data"]["accessToken"]
            name = self.entry("baidu", "50001")["options"]["user_name"]
            self._headers["baidu"] = {"userName": name, "accessToken": token}
        return self._headers["baidu"]

    def baidu(self, method: str, body: dict, service: str = "OpenApiReportService") -> dict:
        return self.api.post(
            f"/json/sms/service/{service}/{method}", {"header": self.baidu_header(), "body": body}
        )

    def baidu_report(self, first: str, last: str, **changes) -> dict:
        body = {
            "reportType": 2290316,
            "timeUnit": "DAY",
            "startDate": first,
            "endDate": last,
            "columns": ["date", "campaignId", "impression", "click", "cost"],
        } | changes
        return self.baidu("getReportData", body)


def delivered(truth, platform: str, account: str, last: str, by: list[str]) -> pd.DataFrame:
    """True impressions, clicks and fen up to a day."""
    days = truth["ad_days"].query("platform == @platform and account == @account")
    days = days.assign(date=days.date.astype(str))
    return days[days.date <= last].groupby(by)[["impressions", "clicks", "cost_fen"]].sum()


def claimed(
    truth,
    platform: str,
    account: str,
    clock: str,
    now: str,
    kinds: tuple[str, ...] = ("lead", "add"),
    window: int | None = None,
) -> dict[str, int]:
    """Claims visible at a moment by the day of a clock (request_date or reported_date)."""
    c = truth["ad_conversions"].query("platform == @platform and account == @account")
    c = c[(c.visible_at <= pd.Timestamp(moment(now))) & c.conversion_type.isin(kinds)]
    c = c[c[clock] >= SINCE]
    if window is not None:
        lag = pd.to_datetime(c.reported_date) - pd.to_datetime(c.request_date)
        c = c[lag.dt.days <= window]
    return c.groupby(c[clock].astype(str)).size().to_dict()


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {day: int(count) for day, count in counts.items() if count}
