"""Tencent Ads (腾讯广告), Marketing API v3.0: what ads cost and brought, on both clocks."""

from extractors.tencent_ads.reports import DailyReportReportingTime, DailyReportRequestTime

FAMILY = "ads"
STREAMS = (DailyReportRequestTime, DailyReportReportingTime)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {}
