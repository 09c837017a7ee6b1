"""Ocean Engine (巨量引擎) v3.0: custom reports on both clocks, projects and promotions."""

from extractors.oceanengine.objects import Project, Promotion
from extractors.oceanengine.reports import ProjectReport, PromotionReport

FAMILY = "ads"
NAME_ZH = "巨量引擎"
STREAMS = (ProjectReport, PromotionReport, Project, Promotion)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "oe_access_token": "a person exchanges the auth_code once, when the app is authorised",
    "oe_refresh_token": "called by the client whenever the access token ends; nothing to land",
    "oe_advertiser_get": "accounts are named in the accounts file, one line each",
    "oe_report_campaign_get_legacy": "old campaign structure: new accounts have no data there, and "
    "its attribution window is 7 days where v3.0 has 30",
}
