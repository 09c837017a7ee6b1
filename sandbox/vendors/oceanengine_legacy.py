"""Ocean Engine: 2/report/*, for the old ad structure. New accounts have no rows there."""

from collections.abc import Callable
from datetime import date
from typing import Any

from sandbox.state import State
from sandbox.vendors.common import Refusal, is_texts
from sandbox.vendors.oceanengine_requests import (
    PARAMETER,
    day_range,
    one_of,
    page_of,
    parsed,
    whole,
)

GRANULARITIES = tuple(
    f"STAT_TIME_GRANULARITY_{unit}" for unit in ("HOURLY", "DAILY", "WEEK", "MONTH")
)
GROUPS = ("STAT_GROUP_BY_FIELD_STAT_TIME", "STAT_GROUP_BY_FIELD_ID")


class LegacyReports:
    """Checks the request as documented, and has nothing to tell: both accounts are new."""

    def __init__(self, state: State) -> None:
        """The clock decides which days may be asked for."""
        self._state = state

    def level(self, level: str) -> Callable[[str, dict[str, Any]], dict]:
        """The endpoint of a level (campaign, advertiser, ad, creative)."""
        del level

        def get(account: str, asked: dict[str, Any]) -> dict:
            del account
            names = ("start_date", "end_date")
            day_range(self._state, asked, names, most_days=30, earliest=date(2016, 10, 26))
            one_of(asked, "time_granularity", GRANULARITIES[1], GRANULARITIES)
            one_of(asked, "order_type", "DESC", ("ASC", "DESC"))
            for name in ("fields", "group_by"):
                value = parsed(asked, name, required=False)
                if value is not None and not is_texts(value):
                    raise Refusal(PARAMETER, f"{name}: must be an array of strings")
                if name == "group_by" and set(value or ()) - set(GROUPS):
                    raise Refusal(PARAMETER, f"group_by: must be of {', '.join(GROUPS)}")
            page, size = whole(asked, "page", 1, 1_000_000), whole(asked, "page_size", 20, 1000)
            rows, info = page_of([], page, size)
            return {"list": rows, "page_info": info}

        return get
