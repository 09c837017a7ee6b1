"""Ad groups (广告): the present state of what the reports are about."""

from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

ROWS_PER_PAGE = 100


class Adgroup(Stream):
    """Ad groups of an account that are not deleted.

    Source: adgroups/get, developers.e.qq.com/v3.0/docs.
    Grain:  one row per adgroup_id and day of snapshot.
    Units:  bid_amount and daily_budget in fen (0 = no limit); times in seconds on the wire.
    Late:   the present state.
    Raises: ApiError 11017 after waiting out the minute, 11012 when the authorisation has lapsed.
    """

    source = "tencent_ads"
    name = "adgroup"
    kind = Kind.ENTITY
    endpoint = "/v3.0/adgroups/get"
    endpoints = ("tx_adgroups",)
    schema = columns(
        adgroup_id=pa.string(),
        adgroup_name=pa.string(),
        configured_status=pa.string(),
        system_status=pa.string(),
        is_deleted=pa.bool_(),
        created_time=UTC_TIMESTAMP,
        last_modified_time=UTC_TIMESTAMP,
        marketing_goal=pa.string(),
        marketing_sub_goal=pa.string(),
        marketing_carrier_type=pa.string(),
        begin_date=pa.string(),
        end_date=pa.string(),
        bid_amount=pa.int64(),
        daily_budget=pa.int64(),
        optimization_goal=pa.string(),
        deep_conversion_spec=pa.string(),
        site_set=pa.string(),
        conversion_id=pa.string(),
    )
    primary_key = ("adgroup_id",)

    def extract(self, pull: "PullContext") -> None:
        """Every page, by cursor: numbered pages end at 10,000 rows."""
        from extractors.core.paging import Cursor

        question = {
            "account_id": pull.client.account_id,
            "fields": self.schema.names,
            "page_size": ROWS_PER_PAGE,
            "pagination_mode": "PAGINATION_MODE_CURSOR",
        }

        def ask(page: dict) -> dict:
            answer = pull.client.get(self.endpoint, {**question, **page})
            return {**answer, **(answer.get("cursor_page_info") or {})}

        rows = [row for page in Cursor().pages(ask) for row in page.get("list") or ()]
        pull.land({pull.today: rows})
