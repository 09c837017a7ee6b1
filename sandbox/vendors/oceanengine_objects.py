"""Ocean Engine: lists of projects (项目) and promotions (单元), as they are at the virtual now."""

from datetime import datetime
from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import DAY_MS, day_number, iso, to_ms
from sandbox.timeline import SHANGHAI as ZONE
from sandbox.vendors.common import Refusal, is_int
from sandbox.vendors.oceanengine_requests import PARAMETER, page_of, parsed, whole
from sandbox.world.ad_catalog import (
    UNITS,
    AdUnit,
    budget_yuan,
    campaign_created_ms,
    created_ms,
    deleted_ms,
    ended_ms,
    modified_ms,
)

PROJECT_PAGE, PROMOTION_PAGE, PAGE_MODE_ROWS, MODIFY_WINDOW_DAYS = 100, 20, 10_000, 30
_EXACT = ("status_first", "landing_type", "ad_type", "delivery_mode", "project_id")


class Objects:
    """What the advertiser has set up; deleted objects only for who asks for all."""

    def __init__(self, state: State, advertisers: dict[str, int]) -> None:
        """Objects of all accounts."""
        self._state = state
        self._advertisers = advertisers

    def projects(self, account: str, asked: dict[str, Any]) -> dict:
        """project/list."""
        filtering = self._filtering(asked, "project")
        rows = [
            self._project(account, units)
            for units in self._campaigns(account).values()
            if self._visible(account, "project", campaign_created_ms(units, self._calendar))
        ]
        rows = [row for row in rows if self._passes(row, filtering, "project", "name")]
        page, size = whole(asked, "page", 1, 1_000_000), whole(asked, "page_size", 10, PROJECT_PAGE)
        shown, info = page_of(rows, page, size)
        return {"list": _chosen(shown, asked), "page_info": info}

    def promotions(self, account: str, asked: dict[str, Any]) -> dict:
        """promotion/list, by page or by cursor; the cursor wins."""
        filtering = self._filtering(asked, "promotion")
        by_cursor = asked.get("cursor") not in (None, "")
        if by_cursor and filtering.get("ids"):
            raise Refusal(PARAMETER, "cursor: cannot be combined with filtering.ids")
        rows = [
            self._promotion(account, unit)
            for units in self._campaigns(account).values()
            for unit in units
            if self._visible(account, "promotion", created_ms(unit, self._calendar))
        ]
        rows = [row for row in rows if self._passes(row, filtering, "promotion", "promotion_name")]
        if not by_cursor:
            page = whole(asked, "page", 1, 1_000_000)
            size = whole(asked, "page_size", 10, PROMOTION_PAGE)
            if page * size > PAGE_MODE_ROWS:
                raise Refusal(PARAMETER, f"page: beyond {PAGE_MODE_ROWS} rows use cursor and count")
            shown, info = page_of(rows, page, size)
            return {"list": _chosen(shown, asked), "page_info": info}
        # 0 is the first; then the number of the last row seen
        cursor = whole({"cursor": _plus_one(asked["cursor"])}, "cursor", 1, 2**62) - 1
        count = whole(asked, "count", 10, PROMOTION_PAGE)
        shown = rows[cursor : cursor + count]
        return {
            "list": _chosen(shown, asked),
            "cursor_info": {
                "cursor": cursor + len(shown),
                "count": len(shown),
                "has_more": cursor + count < len(rows),
            },
        }

    # ----------------------------------------------------------------------------------- rows
    @property
    def _calendar(self):
        return self._state.world.calendar

    @staticmethod
    def _campaigns(account: str) -> dict[int, list[AdUnit]]:
        campaigns: dict[int, list[AdUnit]] = {}
        for unit in UNITS:
            if unit.platform == "oceanengine" and unit.account == account:
                campaigns.setdefault(unit.campaign_id, []).append(unit)
        return campaigns

    def _visible(self, account: str, stream: str, made_ms: int) -> bool:
        made = np.array([made_ms])
        held = self._state.faults_of("oceanengine", account, stream)
        return bool(faults.effective(held, made, day_number(made))[0] <= self._state.now_ms)

    def _project(self, account: str, units: list[AdUnit]) -> dict:
        calendar, now = self._calendar, self._state.now_ms
        known = [u for u in units if created_ms(u, calendar) <= now]
        is_deleted = bool(known) and all(deleted_ms(u, calendar) <= now for u in units)
        running = [u for u in known if now < ended_ms(u, calendar)]
        made = campaign_created_ms(units, calendar)
        first = (
            "PROJECT_STATUS_DELETE"
            if is_deleted
            else "PROJECT_STATUS_ENABLE"
            if running or not known
            else "PROJECT_STATUS_DISABLE"
        )
        return {
            "project_id": units[0].campaign_id,
            "name": units[0].campaign_name,
            "advertiser_id": self._advertisers[account],
            "landing_type": "LINK",
            "marketing_goal": "VIDEO_AND_IMAGE",
            "ad_type": "ALL",
            "delivery_mode": "PROCEDURAL" if "表单" in units[0].campaign_name else "MANUAL",
            "status": first,
            "status_first": first,
            "status_second": [],
            "opt_status": "ENABLE" if running else "DISABLE",
            "pricing": "PRICING_OCPM",
            "project_create_time": _clock(made),
            "project_modify_time": _clock(
                max([made, *(modified_ms(u, calendar, now) for u in known)])
            ),
            "delivery_setting": {
                "budget": float(sum(budget_yuan(u, calendar, now) for u in running)),
                "budget_mode": "BUDGET_MODE_DAY",
                "bid": 0.0,
                "cpa_bid": 45.0,
                "deep_cpabid": 0.0,
                "roi_goal": 0.0,
                "schedule_type": "SCHEDULE_FROM_NOW",
                "start_time": _clock(made)[:10],
                "end_time": "",
            },
            "optimize_goal": {
                "external_action": "AD_CONVERT_TYPE_WECHAT",
                "deep_external_action": "AD_CONVERT_TYPE_PAY",
                "convert_id": units[0].campaign_id + 7,
                "asset_ids": [units[0].campaign_id + 9],
            },
        }

    def _promotion(self, account: str, unit: AdUnit) -> dict:
        calendar, now = self._calendar, self._state.now_ms
        is_over = now >= ended_ms(unit, calendar) and unit.ends_at < 1
        first = (
            "PROMOTION_STATUS_DELETED"
            if deleted_ms(unit, calendar) <= now
            else "PROMOTION_STATUS_DISABLE"
            if is_over
            else "PROMOTION_STATUS_ENABLE"
        )
        made = created_ms(unit, calendar)
        return {
            "promotion_id": unit.unit_id,
            "promotion_name": unit.unit_name,
            "project_id": unit.campaign_id,
            "advertiser_id": self._advertisers[account],
            "status": first,
            "status_first": first,
            "status_second": [],
            "opt_status": "DISABLE" if is_over else "ENABLE",
            "learning_phase": "LEARNING" if now - made < 7 * DAY_MS else "LEARNED",
            "budget": float(budget_yuan(unit, calendar, now)),
            "budget_mode": "BUDGET_MODE_DAY",
            "bid": 0.0,
            "cpa_bid": 45.0,
            "deep_cpabid": 0.0,
            "roi_goal": 0.0,
            "promotion_create_time": _clock(made),
            "promotion_modify_time": _clock(modified_ms(unit, calendar, now)),
            "promotion_materials": {
                "video_material_list": [
                    {"material_id": unit.creative_id(number)} for number in range(unit.creatives)
                ]
            },
        }

    # -------------------------------------------------------------------------------- filters
    def _filtering(self, asked: dict[str, Any], kind: str) -> dict:
        filtering = parsed(asked, "filtering", required=False) or {}
        if not isinstance(filtering, dict):
            raise Refusal(PARAMETER, "filtering: must be an object")
        ids = filtering.get("ids")
        if ids is not None and not (
            isinstance(ids, list) and 1 <= len(ids) <= 100 and all(is_int(i) for i in ids)
        ):
            raise Refusal(PARAMETER, "filtering.ids: must be 1 to 100 integers")
        window = [filtering.get(f"{kind}_modify_{end}_time") for end in ("start", "end")]
        if any(window):
            first, last = (_moment(text, f"filtering.{kind}_modify time") for text in window)
            if not 0 <= last - first <= MODIFY_WINDOW_DAYS * DAY_MS:
                raise Refusal(PARAMETER, f"filtering: the window is 0 to {MODIFY_WINDOW_DAYS} days")
        return filtering

    def _passes(self, row: dict, filtering: dict, kind: str, name: str) -> bool:
        is_all = str(filtering.get("status", "")).endswith("_ALL")
        if row["status_first"].endswith(("_DELETE", "_DELETED")) and not is_all:
            return filtering.get("status_first") == row["status_first"]
        wanted = filtering.get("status")
        if wanted and not is_all and wanted != row["status"]:
            return False
        if filtering.get("ids") and row[f"{kind}_id"] not in filtering["ids"]:
            return False
        if filtering.get("name") and filtering["name"] not in row[name]:
            return False
        if any(filtering.get(f) not in (None, row.get(f)) for f in _EXACT):
            return False
        if filtering.get("status_second") and (
            filtering["status_second"] not in row["status_second"]
        ):
            return False
        phases = filtering.get("learning_phase")
        if phases and row.get("learning_phase") not in phases:
            return False
        for moment in ("create", "modify"):
            day = filtering.get(f"{kind}_{moment}_time")
            if day and row[f"{kind}_{moment}_time"][:10] != day:
                return False
        first, last = (filtering.get(f"{kind}_modify_{end}_time") for end in ("start", "end"))
        modified = row[f"{kind}_modify_time"]
        return (not first or modified >= first) and (not last or modified <= last)


def _chosen(rows: list[dict], asked: dict[str, Any]) -> list[dict]:
    """Only the fields asked for; all without `fields`."""
    fields = parsed(asked, "fields", required=False)
    if not fields:
        return rows
    if not isinstance(fields, list):
        raise Refusal(PARAMETER, "fields: must be an array of strings")
    return [{name: row[name] for name in row if name in fields} for row in rows]


def _clock(moment_ms: int) -> str:
    return iso(moment_ms)[:19].replace("T", " ")


def _moment(text: Any, name: str) -> int:
    try:
        return to_ms(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE))
    except (TypeError, ValueError):
        raise Refusal(PARAMETER, f"{name}: must be yyyy-mm-dd hh:mm:ss, start and end") from None


def _plus_one(value: Any) -> Any:
    return (
        int(value) + 1 if is_int(value) or (isinstance(value, str) and value.isdigit()) else value
    )
