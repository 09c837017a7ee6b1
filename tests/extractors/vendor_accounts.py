"""Constants and helpers that the tests of extractors share."""

from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq

from extractors.core.clock import PullClock
from extractors.core.manifest import Manifest
from siyu.accounts import Account

BASE = "http://vendor.test"
AS_OF = datetime.fromisoformat("2026-04-14T10:30:00+08:00")
TODAY, YESTERDAY = date(2026, 4, 14), date(2026, 4, 13)
SECRET = "s3cr3t-of-the-app"
ACCOUNTS = {
    "wecom": Account("wecom", "corp_main", BASE, "企业", {"corpid": "ww1"}, {"secret": SECRET}),
    "wechat_oa": Account(
        "wechat_oa", "oa_main", BASE, "公众号", {"appid": "wx1"}, {"secret": SECRET}
    ),
    "wechat_store": Account(
        "wechat_store", "shop_main", BASE, "小店", {"appid": "wx2"}, {"secret": SECRET}
    ),
    "wechat_channels_live": Account(
        "wechat_channels_live", "shop_main", BASE, "直播", {"appid": "wx2"}, {"secret": SECRET}
    ),
    "douyin": Account(
        "douyin",
        "dy_main",
        BASE,
        "抖音",
        {"client_key": "ck1", "open_id": "oid-1"},
        {"client_secret": SECRET, "refresh_token": "r3fresh"},
    ),
    "tencent_ads": Account(
        "tencent_ads",
        "20001",
        BASE,
        "广告",
        {"client_id": "77", "account_id": "20001"},
        {"client_secret": SECRET, "refresh_token": "r3fresh"},
    ),
    "oceanengine": Account(
        "oceanengine",
        "30001",
        BASE,
        "巨量",
        {"app_id": "88", "advertiser_id": "1790000000000000001"},
        {"secret": SECRET, "refresh_token": "r3fresh"},
    ),
    "kuaishou": Account(
        "kuaishou",
        "40001",
        BASE,
        "快手",
        {"app_id": "66", "advertiser_id": "40001"},
        {"secret": SECRET, "refresh_token": "r3fresh"},
    ),
    "baidu": Account(
        "baidu",
        "50001",
        BASE,
        "百度",
        {"app_id": "app-55", "user_name": "某某护肤", "user_id": "50001"},
        {"secret_key": SECRET, "refresh_token": "r3fresh"},
    ),
    "juguang": Account(
        "juguang",
        "60001",
        BASE,
        "小红书",
        {"app_id": "44", "advertiser_id": "60001"},
        {"secret": SECRET, "refresh_token": "r3fresh"},
    ),
}


class FakeClock(PullClock):
    """Sleeping moves the wall clock and is written down."""

    slept: list[float]

    def __init__(self, as_of=AS_OF):
        super().__init__(as_of)
        self.slept, self._wall = [], 1_000_000.0

    def wall(self):
        return self._wall

    def sleep(self, seconds):
        self.slept.append(seconds)
        self._wall += seconds


def landed(settings, commit):
    storage = Manifest(settings.landing_address).storage
    rows = {}
    for file in commit.files if commit else ():
        with Path(storage.full(file.path)).open("rb") as handle:
            rows[file.event_date] = pq.read_table(handle).to_pylist()
    return rows


def unexpected(commit):
    """Warnings beside those about the account's totals, which most tests do not build to fit."""
    return [w for w in commit.warnings if not w.startswith("control_total_mismatch")]
