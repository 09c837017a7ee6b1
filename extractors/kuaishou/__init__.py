"""Kuaishou (快手磁力引擎), Marketing API: daily figures of campaigns and units."""

from extractors.kuaishou.reports import CampaignReport, UnitReport

FAMILY = "ads"
NAME_ZH = "快手磁力引擎"
STREAMS = (CampaignReport, UnitReport)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "ks_access_token": "called by the client whenever the access token ends; nothing to land",
}
