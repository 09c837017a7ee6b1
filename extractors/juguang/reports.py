"""Offline daily figures of campaigns (计划), with the windows in which each of them still grows."""

from datetime import date, time
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.ads import AdReport, Answer, percent
from extractors.core.stream import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

ROWS_PER_PAGE = 1000
ACCOUNT = "/api/open/jg/data/report/offline/account"
# settle within a day: 1 h and 24 h after the click
SHORT = (
    "like",
    "comment",
    "collect",
    "share",
    "follow",
    "interaction",
    "screenshot",
    "pic_save",
    "leads",
    "message_consult",
    "initiative_message",
    "wechat_copy_cnt",
    "landing_page_visit",
)
SEVEN_DAYS = (
    "valid_leads",
    "msg_leads_num",
    "wechat_copy_succ_cnt",
    "goods_visit",
    "shopping_cart_add",
    "goods_order",
    "success_goods_order",
)
EXTERNAL_ORDERS = tuple(f"external_goods_order_{days}" for days in (7, 15, 30))
EXTERNAL_MONEY = tuple(f"external_rgmv_{days}" for days in (7, 15, 30))
COUNTS = ("impression", "click", *SHORT, *SEVEN_DAYS, *EXTERNAL_ORDERS)
MONEY = ("fee", "rgmv", "purchase_order_gmv_7d", *EXTERNAL_MONEY)
NOT_LANDED = (
    "time",
    "acp",
    "cpm",
    "cpi",
    "purchase_order_roi_7d",
    "external_roi_7",
    "external_roi_15",
    "external_roi_30",
    "clk_live_room_rgmv",
    "clk_live_avg_view_time",
    "unit_id",
    "creativity_id",
    "note_id",
)


class CampaignReport(AdReport):
    """Cost, impressions, clicks, interactions and leads of each campaign, by day.

    Source: jg/data/report/offline/campaign, as read by the client bububa/spotlight-mapi.
    Grain:  one row per campaign_id and time (day) of an advertiser.
    Units:  fee and *rgmv* in yuan; ctr in percent. Figures are numbers or text, with thousands
            commas and a percent sign.
    Late:   next day; every figure stays on the day of the click: valid_leads and goods_* grow for
            7 days, external_*_15 and _30 for 15 and 30. Nothing is on the day of the conversion.
    Raises: ApiError with the platform's code, after one new token.
    """

    source = "juguang"
    name = "campaign_report"
    endpoint = "/api/open/jg/data/report/offline/campaign"
    endpoints = ("jg_report_offline",)
    confidence = "sdk; when a day is settled inferred"
    schema = columns(
        campaign_id=pa.string(),
        campaign_name=pa.string(),
        placement=pa.string(),
        **dict.fromkeys(COUNTS, pa.int64()),
        **dict.fromkeys((*MONEY, "ctr"), pa.float64()),
    )
    primary_key = ("campaign_id",)
    day_field = "time"
    metrics = (*COUNTS, *MONEY, "ctr")
    totals = ("fee", "impression", "click", "valid_leads")
    unit_checks = ("fee",)
    measures = totals
    ready_at = time(9)
    revised_for_days = 30
    max_window_days = 30
    known_fields = frozenset(NOT_LANDED)

    def detail_pages(self, pull: "PullContext", first: date, last: date) -> "Iterator[Answer]":
        """Every page of the campaigns."""
        yield self._pages(pull, self.endpoint, first, last)

    def account_days(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The account's own report."""
        return self._pages(pull, ACCOUNT, first, last)

    def row_of(self, pull: "PullContext", row: dict) -> dict:
        """A rate without its percent sign."""
        del pull
        return {**row, "ctr": percent(row["ctr"])} if "ctr" in row else row

    def _pages(self, pull: "PullContext", path: str, first: date, last: date) -> Answer:
        from extractors.core.paging import Counted

        question = {
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "time_unit": "DAY",
        }
        rows, expected = [], None
        for page in Counted(ROWS_PER_PAGE, rows="data_list", send="page_num").pages(
            lambda page: pull.client.post(path, {**question, **page})
        ):
            rows += page.get("data_list") or ()
            expected = int(page.get("total_count") or 0)
        return Answer(rows, expected)
