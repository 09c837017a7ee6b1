"""Daily reports by ad group and placement, once per clock."""

from datetime import date, time
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.paging import PageNumber
from extractors.core.parse import number
from extractors.core.stream import Kind, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

ROWS_PER_PAGE = 2000
# without an id and the date in group_by each row would be a sum over everything
GROUP_BY = {
    "REPORT_LEVEL_ADGROUP": ["adgroup_id", "date", "site_set"],
    "REPORT_LEVEL_ADVERTISER": ["date"],
}
METRICS = ("view_count", "valid_click_count", "cost", "conversions_count", "scan_follow_user_count")
TOTALS = ("cost", "view_count", "valid_click_count", "conversions_count")


class DailyReport(Stream):
    """What both clocks of daily_reports/get share; a subclass names its clock."""

    source = "tencent_ads"
    kind = Kind.REPORT
    endpoint = "/v3.0/daily_reports/get"
    time_line: ClassVar[str]
    schema = columns(
        account_id=pa.string(),
        adgroup_id=pa.string(),
        adgroup_name=pa.string(),
        site_set=pa.string(),
        **dict.fromkeys(METRICS, pa.int64()),
    )
    primary_key = ("account_id", "adgroup_id", "site_set")
    channel_column = "site_set"
    measures = TOTALS
    ready_at = time(8)
    max_window_days = 90
    history_days = 365
    known_fields = frozenset({"date"})

    def extract(self, pull: "PullContext") -> None:
        """Every page of the detail, and the platform's own totals to reconcile it with."""
        for first, last in pull.windows():
            asked = [day for day in pull.dates if first <= day <= last]
            detail, totals = pull.map(
                lambda level, first=first, last=last: self._read(pull, level, first, last),
                ("REPORT_LEVEL_ADGROUP", "REPORT_LEVEL_ADVERTISER"),
                lanes=2,
            )
            rows = self._by_day(pull, asked, detail)
            platform = self._by_day(pull, asked, totals)
            pull.land(rows)
            for day in asked:
                for measure in TOTALS:
                    values = [number(row.get(measure)) for row in platform[day]]
                    pull.control(
                        day,
                        measure,
                        values[0] if values else None,
                        sum(number(row.get(measure)) or 0 for row in rows[day]),
                    )

    def _read(self, pull: "PullContext", level: str, first: date, last: date) -> list[dict]:
        group_by = GROUP_BY[level]
        fields = (
            [*group_by, "account_id", "adgroup_name", *METRICS]
            if level == "REPORT_LEVEL_ADGROUP"
            else ["date", *TOTALS]
        )
        question = {
            "account_id": pull.client.account_id,
            "level": level,
            "time_line": self.time_line,
            "date_range": {"start_date": first.isoformat(), "end_date": last.isoformat()},
            "group_by": group_by,
            "fields": fields,
        }
        pages = PageNumber(ROWS_PER_PAGE).pages(
            lambda page: pull.client.get(self.endpoint, {**question, **page})
        )
        return [row for page in pages for row in page.get("list") or ()]

    def _by_day(
        self, pull: "PullContext", asked: list[date], rows: list[dict]
    ) -> dict[date, list[dict]]:
        by_day: dict[date, list[dict]] = {day: [] for day in asked}
        strange = set()
        for row in rows:
            day = date.fromisoformat(row["date"])
            if day in by_day:
                by_day[day].append(row)
            elif not asked[0] <= day <= asked[-1]:
                strange.add(row["date"])
        if strange:
            pull.warn("shifted_day", f"days nobody asked for: {', '.join(sorted(strange))}")
        return by_day


class DailyReportRequestTime(DailyReport):
    """Cost and conversions, conversions credited to the day the ad was shown.

    Source: daily_reports/get with time_line=REQUEST_TIME, developers.e.qq.com/v3.0/docs.
    Grain:  one row per account_id, adgroup_id, site_set and date.
    Units:  cost in fen; counts are whole numbers. Platform ratios are not asked for.
    Late:   cost is complete at 08:00 of the next day; conversions keep coming for 30 days.
    Raises: ApiError 11017 after waiting out the minute, 11012 when the authorisation has lapsed.
    """

    name = "daily_report_request_time"
    time_line = "REQUEST_TIME"
    revised_for_days = 30


class DailyReportReportingTime(DailyReport):
    """Cost and conversions, conversions counted on the day they happened.

    Source: daily_reports/get with time_line=REPORTING_TIME, developers.e.qq.com/v3.0/docs.
    Grain:  one row per account_id, adgroup_id, site_set and date.
    Units:  cost in fen; counts are whole numbers. Platform ratios are not asked for.
    Late:   complete at 08:00 of the next day and stable from then on.
    Raises: ApiError 11017 after waiting out the minute, 11012 when the authorisation has lapsed.
    """

    name = "daily_report_reporting_time"
    time_line = "REPORTING_TIME"
    revised_for_days = 1
