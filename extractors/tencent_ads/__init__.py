"""Tencent Ads (腾讯广告), Marketing API v3.0: what ads cost and brought, on both clocks."""

from extractors.tencent_ads.objects import Adgroup
from extractors.tencent_ads.reports import (
    DailyReportReportingTime,
    DailyReportRequestTime,
    HourlyReport,
)

FAMILY = "ads"
NAME_ZH = "腾讯广告"
STREAMS = (DailyReportRequestTime, DailyReportReportingTime, HourlyReport, Adgroup)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "tx_oauth_token": "called by the client whenever the access token ends; nothing to land",
    "tx_oauth_refresh_token": "oauth/token keeps the refresh token and its 30 days begin anew with "
    "every use, so no new pair is needed",
}
