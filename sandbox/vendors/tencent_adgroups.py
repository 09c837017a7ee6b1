"""Tencent ad groups (广告), as they are at the virtual now: pages by number or by cursor."""

from typing import Any

import numpy as np
import orjson
from starlette.datastructures import QueryParams

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import date_of_number, day_number
from sandbox.vendors.common import Refusal, is_texts
from sandbox.vendors.tencent_reports import PARAMETER, number
from sandbox.world.ad_catalog import (
    UNITS,
    AdUnit,
    budget_yuan,
    created_ms,
    deleted_ms,
    ended_ms,
    first_day,
    last_day,
    modified_ms,
)

MAX_PAGE, MAX_PAGE_SIZE = 100, 100
MODES = ("PAGINATION_MODE_NORMAL", "PAGINATION_MODE_CURSOR")
_OPERATORS = {
    "EQUALS": lambda x, v: str(x) == str(v[0]),
    "IN": lambda x, v: str(x) in [str(value) for value in v],
    "CONTAINS": lambda x, v: str(v[0]) in str(x),
    "LESS": lambda x, v: x < int(v[0]),
    "LESS_EQUALS": lambda x, v: x <= int(v[0]),
    "GREATER": lambda x, v: x > int(v[0]),
    "GREATER_EQUALS": lambda x, v: x >= int(v[0]),
}
_FILTERS = {
    "adgroup_id": ("EQUALS", "IN"),
    "adgroup_name": ("EQUALS", "CONTAINS"),
    "configured_status": ("EQUALS",),
    "system_status": ("EQUALS", "IN"),
    "created_time": ("EQUALS", "LESS", "LESS_EQUALS", "GREATER", "GREATER_EQUALS"),
    "last_modified_time": ("EQUALS", "LESS", "LESS_EQUALS", "GREATER", "GREATER_EQUALS"),
}


class AdGroups:
    """What the account has set up; deleted ones only for who asks for them."""

    def __init__(self, state: State) -> None:
        """Objects of all accounts."""
        self._state = state

    def get(self, query: QueryParams) -> dict:
        """adgroups/get."""
        account = query["account_id"]
        is_deleted = query.get("is_deleted", "false").lower()
        if is_deleted not in ("true", "false"):
            raise Refusal(PARAMETER, "is_deleted must be true or false")
        filters = _filters(query.get("filtering"))
        rows = [
            row
            for unit in UNITS
            if unit.platform == "tencent_ads" and unit.account == account and self._visible(unit)
            if (row := self._row(unit))["is_deleted"] == (is_deleted == "true")
            and all(_OPERATORS[operator](row[field], v) for field, operator, v in filters)
        ]
        if fields := _parsed(query.get("fields"), "fields"):
            if not is_texts(fields):
                raise Refusal(PARAMETER, "fields must be a JSON array of strings")
            rows = [{name: row[name] for name in row if name in fields} for row in rows]
        mode = query.get("pagination_mode", MODES[0])
        if mode not in MODES:
            raise Refusal(PARAMETER, f"pagination_mode must be one of {', '.join(MODES)}")
        size = number(query, "page_size", 10, MAX_PAGE_SIZE)
        if mode == MODES[0]:
            page = number(query, "page", 1, MAX_PAGE)
            info = {
                "page": page,
                "page_size": size,
                "total_number": len(rows),
                "total_page": -(-len(rows) // size),
            }
            return {"list": rows[(page - 1) * size : page * size], "page_info": info}
        start = _position(query.get("cursor", ""))
        end = start + size
        return {
            "list": rows[start:end],
            "cursor_page_info": {
                "page_size": size,
                "next_cursor": f"c{end:x}" if end < len(rows) else "",
                "previous_cursor": f"c{max(start - size, 0):x}" if start else "",
            },
        }

    def _visible(self, unit: AdUnit) -> bool:
        made = np.array([created_ms(unit, self._state.world.calendar)])
        held = self._state.faults_of("tencent_ads", unit.account, "adgroup")
        return bool(faults.effective(held, made, day_number(made))[0] <= self._state.now_ms)

    def _row(self, unit: AdUnit) -> dict[str, Any]:
        calendar, now = self._state.world.calendar, self._state.now_ms
        base = calendar.first_number
        is_over = unit.ends_at < 1 and now >= ended_ms(unit, calendar)
        return {
            "adgroup_id": unit.unit_id,
            "adgroup_name": unit.unit_name,
            "configured_status": "AD_STATUS_SUSPEND" if is_over else "AD_STATUS_NORMAL",
            "system_status": "ADGROUP_STATUS_FROZEN" if is_over else "ADGROUP_STATUS_ACTIVE",
            "is_deleted": deleted_ms(unit, calendar) <= now,
            "created_time": created_ms(unit, calendar) // 1000,
            "last_modified_time": modified_ms(unit, calendar, now) // 1000,
            "marketing_goal": "MARKETING_GOAL_LEAD_RETENTION",
            "marketing_sub_goal": "MARKETING_SUB_GOAL_UNKNOWN",
            "marketing_carrier_type": "MARKETING_CARRIER_TYPE_JUMP_PAGE",
            "begin_date": date_of_number(base + first_day(unit, calendar)).isoformat(),
            "end_date": date_of_number(base + last_day(unit, calendar)).isoformat()
            if unit.ends_at < 1
            else "",
            "bid_amount": 4_500,
            "daily_budget": 100 * budget_yuan(unit, calendar, now),
            "optimization_goal": "OPTIMIZATIONGOAL_LEADS",
            "deep_conversion_spec": {"deep_conversion_type": "DEEP_CONVERSION_BEHAVIOR"},
            "site_set": list(unit.placements),
            "conversion_id": unit.unit_id + 500_000_000,
        }


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        if not cursor.startswith("c") or len(cursor) > 10:
            raise ValueError
        return int(cursor[1:], 16)
    except ValueError:
        raise Refusal(PARAMETER, "cursor is not one of ours") from None


def _parsed(text: str | None, name: str) -> Any:
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        raise Refusal(PARAMETER, f"{name} is not JSON") from None


def _filters(text: str | None) -> list[tuple[str, str, list]]:
    given = _parsed(text, "filtering") or []
    if not isinstance(given, list):
        raise Refusal(PARAMETER, "filtering must be a JSON array")
    filters = []
    for item in given:
        field = item.get("field") if isinstance(item, dict) else None
        operator = item.get("operator") if isinstance(item, dict) else None
        values = item.get("values") if isinstance(item, dict) else None
        if operator not in _FILTERS.get(field, ()) or not isinstance(values, list) or not values:
            raise Refusal(PARAMETER, "filtering needs field, operator and values")
        if field.endswith("_time") and not str(values[0]).isdigit():
            raise Refusal(PARAMETER, f"{field} is compared with seconds")
        filters.append((field, operator, values))
    return filters
