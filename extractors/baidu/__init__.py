"""Baidu Marketing (百度营销): daily figures of search campaigns and ad groups."""

from extractors.baidu.reports import AdgroupReport, CampaignReport

FAMILY = "ads"
NAME_ZH = "百度营销"
STREAMS = (CampaignReport, AdgroupReport)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "bd_oauth": "called by the client whenever the access token ends; nothing to land",
    "bd_report_async": "getReportData gives the same rows: 731 days a call, paged without an end; "
    "the layout of the task's file is not documented",
    "bd_get_realtime_data_legacy": "the new report gives the same and names its columns; this one "
    "gives them by position",
}
