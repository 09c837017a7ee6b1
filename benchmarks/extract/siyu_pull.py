"""One pull of this project: typed, pseudonymised, landed, committed.

Run: python benchmarks/extract/siyu_pull.py <address> <rows> ad_report|customers <folder>

The vendors' rate limits are lifted: they, not the code, would be measured.
"""

import os
import sys
from datetime import datetime
from pathlib import Path

from server import FIRST_DAY, LAST_DAY

from extractors.core.pull import pull
from extractors.core.ratelimit import Rate
from extractors.registry import get_stream
from extractors.tencent_ads.client import TencentAdsClient
from extractors.wecom.client import WecomClient
from siyu.accounts import Account
from siyu.settings import Settings

UNLIMITED = (Rate(1_000_000_000, 60),)
AS_OF = datetime.fromisoformat("2026-04-14T10:30:00+08:00")


def main(address: str, rows: str, what: str, folder: str) -> int:
    os.environ["SIYU_HOME"] = str(Path(folder, "home"))
    os.environ["SIYU_PSEUDONYM_KEY"] = "of the benchmark"
    TencentAdsClient.rates = WecomClient.rates = UNLIMITED
    base = f"{address}/{rows}"
    secrets = {"secret": "s", "client_secret": "s", "refresh_token": "r"}
    if what == "ad_report":
        options = {"client_id": "1", "account_id": "20001"}
        account = Account("tencent_ads", "20001", base, "", options, secrets)
        stream, window = (
            get_stream("tencent_ads", "daily_report_request_time"),
            (FIRST_DAY, LAST_DAY),
        )
    else:
        account = Account("wecom", "corp_main", base, "", {"corpid": "ww1"}, secrets)
        stream, window = get_stream("wecom", "customer"), None
    commit = pull(Settings(), account, stream, as_of=AS_OF, window=window)
    if commit.warnings or commit.unknown_fields:
        print(commit.warnings, commit.unknown_fields, file=sys.stderr)
    return commit.rows


if __name__ == "__main__":
    from figures import timed

    timed(main, *sys.argv[1:])
