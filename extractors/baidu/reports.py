"""Daily figures of search campaigns (计划) and ad groups (单元), conversions on both clocks."""

from datetime import date, time
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.ads import AdReport, Answer
from extractors.core.stream import columns
from siyu.calendar import days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

ROWS_PER_PAGE = 1000
ACCOUNT_REPORT = 2208157
ATTEMPTS = 3
WAIT_SECONDS = 2
# on the day of the click, so past days grow as call-backs arrive
CLICK_TIME = (
    "ocpcConversions",
    "deepOCPCConversions",
    # WeChat friend added
    "ocpcConversionsDetail79",
)
# on the day of the conversion: the same name behind `ct`
CONVERSION_TIME = ("ctOCPCConversions",)
COUNTS = ("impression", "click", *CLICK_TIME, *CONVERSION_TIME)
FIGURES = ("cost", "ctr")


class DailyReport(AdReport):
    """What the levels of getReportData share; a subclass names its report type and ids."""

    source = "baidu"
    endpoint = "/json/sms/service/OpenApiReportService/getReportData"
    endpoints = ("bd_get_report_data",)
    confidence = "documented; days of revision and the name of the ct column inferred"
    report_type: ClassVar[int]
    ids: ClassVar[tuple[str, ...]]
    day_field = "date"
    metrics = (*COUNTS, *FIGURES)
    totals = ("cost", "impression", "click", "ocpcConversions")
    unit_checks = ("cost",)
    measures = totals
    ready_at = time(8)
    revised_for_days = 7
    max_window_days = 731
    known_fields = frozenset({"date", "userId", "userName", "campaignNameStatus"})

    def detail_pages(self, pull: "PullContext", first: date, last: date) -> "Iterator[Answer]":
        """Every page; days of which the platform gives only a part are left for later."""
        columns_ = ("date", *self.ids, *COUNTS, *FIGURES)
        if (answer := self._whole(pull, self.report_type, columns_, first, last)) is not None:
            yield answer
            return
        rows = []
        # one bad day must not spoil the others
        for day in days(first, last):
            part = (
                None if first == last else self._whole(pull, self.report_type, columns_, day, day)
            )
            if part is None:
                pull.not_ready(day)
                pull.warn(
                    "incomplete_answer", f"{day} was given in part only; nothing of it landed"
                )
            else:
                rows += part.rows
        yield Answer(rows)

    def account_days(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The account's own report; without it there is no total, which is no zero."""
        return self._whole(pull, ACCOUNT_REPORT, ("date", *self.totals), first, last) or Answer([])

    def _whole(
        self,
        pull: "PullContext",
        report_type: int,
        wanted: tuple[str, ...],
        first: date,
        last: date,
    ) -> Answer | None:
        """All pages, or None where one of them stays incomplete however often it is asked for."""
        from extractors.core.paging import Offset

        question = {
            "reportType": report_type,
            "startDate": first.isoformat(),
            "endDate": last.isoformat(),
            "timeUnit": "DAY",
            "columns": list(wanted),
            # a unique order: otherwise rows may change pages between two calls
            "sorts": [
                {"column": name, "sortRule": "ASC"}
                for name in ("date", *self.primary_key)
                if name in wanted
            ],
            "filters": [],
            "needSum": False,
        }
        rows, expected = [], None
        try:
            for page in Offset(ROWS_PER_PAGE).pages(
                lambda page: self._report(pull, {**question, **page})
            ):
                rows += page.get("rows") or ()
                expected = int(page.get("totalRowCount") or 0)
        except _IncompleteError:
            return None
        return Answer(rows, expected)

    def _report(self, pull: "PullContext", question: dict) -> dict:
        from extractors.baidu.client import is_partial

        for attempt in range(ATTEMPTS):
            if attempt:
                pull.clock.sleep(WAIT_SECONDS * attempt)
            answer = pull.client.post(self.endpoint, question)
            if not is_partial(answer):
                # an array with one report on the wire; one client library models the object alone
                data = answer["body"]["data"]
                return (data[0] if data else {}) if isinstance(data, list) else data
        raise _IncompleteError


class _IncompleteError(Exception):
    """An answer stayed partly failed."""


def _schema(**ids: pa.DataType) -> pa.Schema:
    return columns(
        **ids,
        **dict.fromkeys(COUNTS, pa.int64()),
        **dict.fromkeys(FIGURES, pa.float64()),
    )


class CampaignReport(DailyReport):
    """Cost, impressions, clicks and conversions of each search campaign, by day.

    Source: OpenApiReportService/getReportData, reportType 2290316.
    Grain:  one row per campaignId and date of an account.
    Units:  cost in yuan; ctr is a ratio.
    Late:   near real time; conversions are on the day of the click and grow for about 7 days,
            those behind `ct` are on the day of the conversion.
    Raises: ApiError with the code of the first failure, after one new token; status 3 after
            backing off.
    """

    name = "campaign_report"
    report_type = 2290316
    ids = ("campaignId", "campaignName")
    schema = _schema(campaignId=pa.string(), campaignName=pa.string())
    primary_key = ("campaignId",)


class AdgroupReport(DailyReport):
    """Cost, impressions, clicks and conversions of each search ad group, by day.

    Source: OpenApiReportService/getReportData, reportType 2284618.
    Grain:  one row per adGroupId and date of an account.
    Units:  cost in yuan; ctr is a ratio.
    Late:   near real time; conversions are on the day of the click and grow for about 7 days,
            those behind `ct` are on the day of the conversion.
    Raises: ApiError with the code of the first failure, after one new token; status 3 after
            backing off.
    """

    name = "adgroup_report"
    report_type = 2284618
    ids = ("campaignId", "campaignName", "adGroupId")
    schema = _schema(
        campaignId=pa.string(),
        campaignName=pa.string(),
        adGroupId=pa.string(),
    )
    primary_key = ("adGroupId",)
