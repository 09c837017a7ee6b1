"""Plain HTTP calls to the sandbox, written after the contracts alone."""

import itertools
import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import requests

# not the sandbox's own arithmetic: that is what is tested
SHANGHAI = ZoneInfo("Asia/Shanghai")

FIELDS = [
    "date",
    "account_id",
    "adgroup_id",
    "adgroup_name",
    "site_set",
    "view_count",
    "valid_click_count",
    "cost",
    "conversions_count",
    "scan_follow_user_count",
]


def moment(text: str) -> datetime:
    """A Shanghai moment; a bare day is its morning at 10:30."""
    text = text if "T" in text else f"{text}T10:30"
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def seconds(day: str) -> int:
    return int(moment(f"{day}T00:00").timestamp())


class Api:
    """Plain HTTP calls, written after the contracts alone."""

    def __init__(self, url: str) -> None:
        self.url, self.http = url, requests.Session()
        self._nonce = itertools.count()
        answer = self.http.get(f"{url}/_sandbox/accounts").json()
        self.webhook = answer["robot_webhook"]
        self.accounts = {(a["source"], a["account"]): a for a in answer["accounts"]}

    def get(self, path: str, **query) -> dict:
        return self.http.get(self.url + path, params=query).json()

    def post(self, path: str, body, **query) -> dict:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(self.url + path, data=data, params=query).json()

    def at(self, text: str) -> None:
        self.now = moment(text)
        # a move to where the clock stands would only void what the server has prepared
        if self.get("/_sandbox/clock")["now"] != self.now.isoformat():
            answer = self.http.put(
                f"{self.url}/_sandbox/clock", json={"now": self.now.isoformat(), "force": True}
            )
            assert answer.status_code == 200, answer.text
        # going back made all tokens invalid, as authorising anew would
        listed = self.get("/_sandbox/accounts")["accounts"]
        self.accounts = {(a["source"], a["account"]): a for a in listed}

    def account(self, source: str, account: str) -> dict:
        return self.accounts[source, account]

    # WeCom
    def corp_token(self) -> str:
        corp = self.account("wecom", "corp_main")
        return self.get(
            "/cgi-bin/gettoken",
            corpid=corp["options"]["corpid"],
            corpsecret=corp["credentials"]["secret"],
        )["access_token"]

    def corp(self, path: str, body=None, **query) -> dict:
        path, query = (
            f"/cgi-bin/externalcontact/{path}",
            query | {"access_token": self.corp_token()},
        )
        return self.get(path, **query) if body is None else self.post(path, body, **query)

    def staff(self) -> list[str]:
        return self.corp("get_follow_user_list")["follow_user"]

    def customers(self, limit: int = 100) -> list[dict]:
        users, cursor, found = self.staff(), "", []
        while True:
            page = self.corp(
                "batch/get_by_user", {"userid_list": users, "limit": limit, "cursor": cursor}
            )
            found += page["external_contact_list"]
            if not (cursor := page["next_cursor"]):
                return found

    def behaviour(self, users: list[str], first: str, last: str) -> list[dict]:
        return self.corp(
            "get_user_behavior_data",
            {"userid": users, "start_time": seconds(first), "end_time": seconds(last)},
        )["behavior_data"]

    # api.weixin.qq.com
    def weixin_token(self, source: str, account: str) -> str:
        app = self.account(source, account)
        return self.post(
            "/cgi-bin/stable_token",
            {
                "grant_type": "client_credential",
                "appid": app["options"]["appid"],
                "secret": app["credentials"]["secret"],
            },
        )["access_token"]

    def articles(self, begin: str, end: str | None = None) -> dict:
        return self.post(
            "/datacube/getarticletotaldetail",
            {"begin_date": begin, "end_date": end or begin},
            access_token=self.weixin_token("wechat_oa", "oa_main"),
        )

    def store(self, path: str, body) -> dict:
        return self.post(
            f"/channels/ec/order/{path}",
            body,
            access_token=self.weixin_token("wechat_store", "shop_main"),
        )

    def order_ids(
        self,
        first: str,
        last: str,
        kind: str = "create_time_range",
        page_size: int = 100,
        **filters,
    ) -> list[str]:
        """Ids of a window of days (last excluded), page by page."""
        found, key = [], ""
        while True:
            page = self.store(
                "list/get",
                {
                    kind: {"start_time": seconds(first), "end_time": seconds(last) - 1},
                    "page_size": page_size,
                    "next_key": key,
                    **filters,
                },
            )
            found += page["order_id_list"]
            if not page["has_more"]:
                return found
            key = page["next_key"]

    # Tencent
    def ads_token(self, account: str = "20001") -> str:
        ads = self.account("tencent_ads", account)
        return self.get(
            "/oauth/token",
            client_id=ads["options"]["client_id"],
            client_secret=ads["credentials"]["client_secret"],
            grant_type="refresh_token",
            refresh_token=ads["credentials"]["refresh_token"],
        )["data"]["access_token"]

    def signed(self, account: str = "20001") -> dict:
        return {
            "access_token": self.ads_token(account),
            "account_id": account,
            "timestamp": int(self.now.timestamp()),
            "nonce": f"n{next(self._nonce)}",
        }

    def report(self, first: str, last: str, account: str = "20001", **changes) -> dict:
        asked = {
            "level": "REPORT_LEVEL_ADGROUP",
            "page_size": 2000,
            "date_range": {"start_date": first, "end_date": last},
            "group_by": ["date", "adgroup_id", "site_set"],
            "fields": FIELDS,
        } | changes
        query = {
            k: json.dumps(v) if isinstance(v, (list, dict)) else v
            for k, v in asked.items()
            if v is not None
        }
        return self.get("/v3.0/daily_reports/get", **(self.signed(account) | query))


def days_between(first: str, last: str) -> list[str]:
    start_, end = date.fromisoformat(first), date.fromisoformat(last)
    return [str(start_ + timedelta(n)) for n in range((end - start_).days + 1)]
