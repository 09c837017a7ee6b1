"""Xiaohongshu Juguang (小红书聚光), Marketing API: offline daily figures of campaigns."""

from extractors.juguang.reports import CampaignReport

FAMILY = "ads"
NAME_ZH = "小红书聚光"
STREAMS = (CampaignReport,)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "jg_token": "called by the client whenever the access token ends; nothing to land",
    "jg_report_realtime": "figures of the running day, superseded by the offline family next day; "
    "every number here is about days that are over",
}
