"""Projects (项目) and promotions (单元): the present state of what the reports are about."""

from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.ads import shanghai_seconds
from extractors.core.stream import UTC_TIMESTAMP, Kind, Stream, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

SOURCE = "oceanengine"
MONEY = pa.float64()


class Project(Stream):
    """Projects of an advertiser, deleted ones too.

    Source: v3.0/project/list, platform document 1740937147595776.
    Grain:  one row per project_id and day of snapshot.
    Units:  budget and bids in yuan; times in Shanghai clock time on the wire, UTC here.
    Late:   the present state.
    Raises: ApiError 40110 and 40130 after waiting, 40103 when the authorisation has lapsed.
    """

    source = SOURCE
    name = "project"
    kind = Kind.ENTITY
    endpoint = "/open_api/v3.0/project/list/"
    endpoints = ("oe_project_list",)
    confidence = "sdk"
    schema = columns(
        project_id=pa.string(),
        name=pa.string(),
        advertiser_id=pa.string(),
        landing_type=pa.string(),
        marketing_goal=pa.string(),
        ad_type=pa.string(),
        delivery_mode=pa.string(),
        status=pa.string(),
        status_first=pa.string(),
        status_second=pa.string(),
        opt_status=pa.string(),
        pricing=pa.string(),
        project_create_time=UTC_TIMESTAMP,
        project_modify_time=UTC_TIMESTAMP,
        budget=MONEY,
        budget_mode=pa.string(),
        bid=MONEY,
        cpa_bid=MONEY,
        deep_cpabid=MONEY,
        roi_goal=MONEY,
        schedule_type=pa.string(),
        start_time=pa.string(),
        end_time=pa.string(),
        external_action=pa.string(),
        deep_external_action=pa.string(),
        convert_id=pa.string(),
        asset_ids=pa.string(),
    )
    primary_key = ("project_id",)
    known_fields = frozenset({"delivery_setting", "optimize_goal"})
    times: ClassVar = ("project_create_time", "project_modify_time")
    nested: ClassVar = ("delivery_setting", "optimize_goal")
    # without this status deleted projects are left out, and their cost would have no name
    filtering: ClassVar = {"status": "PROJECT_STATUS_ALL"}

    def extract(self, pull: "PullContext") -> None:
        """Every page of the list."""
        rows = [self._row(row) for page in self._pages(pull) for row in page.get("list") or ()]
        pull.land({pull.today: rows})

    def _pages(self, pull: "PullContext") -> "Iterator[dict]":
        from extractors.core.paging import PageNumber

        question = {"filtering": self.filtering}
        return PageNumber(100).pages(
            lambda page: pull.client.get(self.endpoint, {**question, **page})
        )

    def _row(self, row: dict) -> dict:
        flat = dict(row)
        for name in self.nested:
            flat.update(row.get(name) or {})
        for name in self.times:
            flat[name] = shanghai_seconds(row.get(name))
        return flat


class Promotion(Project):
    """Promotions (ads) of an advertiser.

    Source: v3.0/promotion/list, platform document 1741028841006095.
    Grain:  one row per promotion_id and day of snapshot.
    Units:  budget and bids in yuan; times in Shanghai clock time on the wire, UTC here.
    Late:   the present state.
    Raises: ApiError 40110 and 40130 after waiting, 40103 when the authorisation has lapsed.
    """

    name = "promotion"
    endpoint = "/open_api/v3.0/promotion/list/"
    endpoints = ("oe_promotion_list",)
    schema = columns(
        promotion_id=pa.string(),
        promotion_name=pa.string(),
        project_id=pa.string(),
        advertiser_id=pa.string(),
        status=pa.string(),
        status_first=pa.string(),
        status_second=pa.string(),
        opt_status=pa.string(),
        learning_phase=pa.string(),
        budget=MONEY,
        budget_mode=pa.string(),
        bid=MONEY,
        cpa_bid=MONEY,
        deep_cpabid=MONEY,
        roi_goal=MONEY,
        promotion_create_time=UTC_TIMESTAMP,
        promotion_modify_time=UTC_TIMESTAMP,
    )
    primary_key = ("promotion_id",)
    # texts, pictures and videos of the ad: large, and of no use to a report
    known_fields = frozenset({"promotion_materials"})
    times: ClassVar = ("promotion_create_time", "promotion_modify_time")
    nested: ClassVar = ()

    def _pages(self, pull: "PullContext") -> "Iterator[dict]":
        """By cursor: numbered pages end at 10,000 rows."""
        from extractors.core.errors import MalformedAnswerError

        cursor = 0
        seen = set()
        while cursor not in seen:
            seen.add(cursor)
            page = pull.client.get(self.endpoint, {"filtering": {}, "cursor": cursor, "count": 20})
            yield page
            info = page.get("cursor_info") or {}
            if not info.get("has_more"):
                return
            cursor = info["cursor"]
        raise MalformedAnswerError(
            "The source gave the same cursor twice: its pages would never end",
            where=pull.where,
            action="run the same command again; if it stays, tell the vendor",
        )
