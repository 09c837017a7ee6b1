"""Kuaishou (快手磁力引擎) Marketing API: tokens and the real-time reports of four levels."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.state import State
from sandbox.timeline import day_number, number_of_date
from sandbox.vendors.ad_access import ACCESS_LIFE_SECONDS, REFRESH_LIFE_SECONDS
from sandbox.vendors.ad_figures import Figures, grouped
from sandbox.vendors.ad_post import PARAMETER, PostApi, day, ids, in_order, one_of, whole
from sandbox.vendors.common import Refusal, is_texts, joined
from sandbox.world.ads import Cell

APP_ID, SECRET = 165900001, "sandbox-kuaishou-2b9e"
ADVERTISERS = {"40001": 40001}
USER_ID = 2140001
CALLS_PER_MINUTE = 2_000
HISTORY_DAYS, MAX_SPAN_DAYS, MAX_PAGE_SIZE, MAX_IDS = 7, 7, 2_000, 5_000
OAUTH, REPORT = "/rest/openapi/oauth2/authorize/", "/rest/openapi/v1/report/"
LEVELS = {
    "account_report": (),
    "campaign_report": ("campaign_id", "campaign_name"),
    "unit_report": ("campaign_id", "campaign_name", "unit_id", "unit_name"),
    "creative_report": (
        "campaign_id",
        "campaign_name",
        "unit_id",
        "unit_name",
        "creative_id",
        "creative_name",
    ),
}
DIMS = {"adScene": "ad_scene", "placementType": "placement_type"}
# despite their names: show counts covers, aclick the material's impressions, bclick the actions
COUNTS = {
    "show": "impressions%160",
    "aclick": "impressions",
    "bclick": "clicks",
    "photo_click": "impressions%80",
    "played_three_seconds": "impressions%45",
    "play_end": "impressions%12",
    "share": "clicks%3",
    "comment": "clicks%4",
    "like": "clicks%25",
    "follow": "clicks%6",
    "form_count": "event:lead",
    "event_form_submit": "event:lead",
    "event_valid_clues": "event:lead+add",
    "event_wechat_connected": "event:add",
    "copied_only": "clicks%2",
    "event_pay": "event:order",
    "event_order_paid": "event:order",
    "conversion_num": "event:lead+add",
    "deep_conversion_num": "event:order",
    "direct_submit_1d_cnt": "request1:lead",
    "conversion_num_by_impression_7d": "request7:lead+add",
    "deep_conversion_num_by_impression_7d": "request7:order",
}
MONEY = {
    "charge": "cost_fen",
    "event_pay_purchase_amount": "event:order:value",
    "event_order_paid_purchase_amount": "event:order:value",
}
RATIOS = {
    "photo_click_ratio": ("photo_click", "show"),
    "action_ratio": ("bclick", "aclick"),
    "play_3s_ratio": ("played_three_seconds", "aclick"),
    "play_end_ratio": ("play_end", "aclick"),
}
# yuan: fen of `charge` over a count, times a factor
COSTS = {
    "impression_1k_cost": ("show", 10),
    "click_1k_cost": ("aclick", 10),
    "photo_click_cost": ("photo_click", 0.01),
    "action_cost": ("bclick", 0.01),
}
# there is no app and no course here
ZEROS = (
    "activation",
    "event_register",
    "event_audition_30d_cnt",
    "all_lesson_finish_30d_cnt",
    "high_price_class_pay_30d_cnt",
)


@dataclass(frozen=True)
class Ask:
    """A checked question; `hours` are the first and the last, counted from 1970, if given so."""

    account: str
    level: str
    first: int
    last: int
    hours: tuple[int, int] | None
    hourly: bool
    dims: tuple[str, ...]
    columns: frozenset[str] | None
    campaigns: frozenset[int] | None
    units: frozenset[int] | None


class Kuaishou:
    """One advertiser under one developer app."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.figures = Figures(state, "kuaishou")
        limit = RateLimit(CALLS_PER_MINUTE, scale=rate_limit_scale, timer=state.elapsed_seconds)
        self._api = PostApi(state, "kuaishou", (APP_ID, SECRET), ADVERTISERS, limit, self._envelope)
        self.access = self._api.access
        self._calls = 0

    def routes(self) -> list[Route]:
        """Tokens and reports."""
        post = ["POST"]
        return [
            Route(OAUTH + "access_token", self._api.open(self._exchange), methods=post),
            Route(OAUTH + "refresh_token", self._api.open(self._refresh), methods=post),
            *(
                Route(REPORT + level, self._api.api(self._report_of(level)), methods=post)
                for level in LEVELS
            ),
        ]

    def _envelope(self, code: int, message: str, data: bytes) -> bytes:
        self._calls += 1
        head = {"code": code, "message": message, "request_id": f"ks{self._calls:016d}"}
        return orjson.dumps(head)[:-1] + b',"data":' + data + b"}"

    # ---------------------------------------------------------------------------------- oauth
    def _exchange(self, body: dict) -> dict:
        account = self._api.account_of_code(body)
        ids_ = [ADVERTISERS[account]]
        return self._pair(account) | {
            "advertiser_id": ids_[0],
            "advertiser_ids": ids_,
            "user_id": USER_ID,
            "approval_type": 1,
        }

    def _refresh(self, body: dict) -> dict:
        return self._pair(self._api.account_of_refresh(body))

    def _pair(self, account: str) -> dict:
        access, refresh = self.access.pair(account)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "access_token_expires_in": ACCESS_LIFE_SECONDS,
            "refresh_token_expires_in": REFRESH_LIFE_SECONDS,
        }

    # --------------------------------------------------------------------------------- report
    def _report_of(self, level: str):
        def report(account: str, body: dict) -> bytes:
            ask = self._checked(account, level, body)
            page, size = whole(body, "page", 1, 10**6), whole(body, "page_size", 20, MAX_PAGE_SIZE)
            rows = self.figures.cached(ask, lambda: [orjson.dumps(r) for r in self._rows(ask)])
            shown = rows[(page - 1) * size : page * size]
            return joined({"total_count": len(rows)}, "details", shown)

        return report

    def _checked(self, account: str, level: str, body: dict) -> Ask:
        hours = None
        if body.get("start_date_min") or body.get("end_date_min"):
            hours = (_hour(body, "start_date_min"), _hour(body, "end_date_min"))
            first, last = hours[0] // 24, hours[1] // 24
        else:
            first, last = day(body, "start_date"), day(body, "end_date")
        in_order(self.state, first, last)
        today = int(day_number(self.state.now_ms))
        if last - first >= MAX_SPAN_DAYS or first < today - HISTORY_DAYS:
            raise Refusal(
                PARAMETER,
                f"real-time reports cover the last {HISTORY_DAYS} days, {MAX_SPAN_DAYS} a call; "
                "older days need an asynchronous task",
            )
        dims, columns = body.get("report_dims") or [], body.get("selected_column")
        if not is_texts(dims) or set(dims) - set(DIMS):
            raise Refusal(PARAMETER, f"report_dims must be of {', '.join(DIMS)}")
        if columns and (not is_texts(columns) or set(columns) - _KNOWN_COLUMNS):
            raise Refusal(PARAMETER, "selected_column names an unknown column")
        if body.get("unit_ids") and level != "unit_report":
            raise Refusal(PARAMETER, "unit_ids belong to unit_report")
        granularity = one_of(body, "temporal_granularity", "DAILY", ("DAILY", "HOURLY"))
        return Ask(
            account=account,
            level=level,
            first=first,
            last=last,
            hours=hours,
            hourly=granularity == "HOURLY",
            dims=tuple(dims),
            columns=frozenset(columns) if columns else None,
            campaigns=ids(body, "campaign_ids", MAX_IDS),
            units=ids(body, "unit_ids", MAX_IDS),
        )

    def _rows(self, ask: Ask) -> list[dict]:
        columns, counters = self.figures.table(
            ask.account,
            ask.level,
            {**COUNTS, **MONEY},
            (ask.first, ask.last),
            hourly=ask.hourly or ask.hours is not None,
        )
        times = []
        for date_, hour in columns:
            moment = number_of_date(date_) * 24 + hour
            is_in = ask.hours is None or ask.hours[0] <= moment <= ask.hours[1]
            times.append((date_.isoformat(), hour if ask.hourly else -1) if is_in else None)
        keys = [_key(ask, cell) for cell in self.figures.cells(ask.account)]
        return [
            _row(ask, time, dict(key), sums) for time, key, sums in grouped(keys, times, counters)
        ]


def _hour(body: dict, name: str) -> int:
    try:
        moment = datetime.strptime(body[name], "%Y-%m-%d %H:%M")  # noqa: DTZ007 - Shanghai
    except (KeyError, TypeError, ValueError):
        raise Refusal(PARAMETER, f"{name} must be yyyy-MM-dd HH:mm") from None
    if name.startswith("end") and moment.minute == 0:
        moment -= timedelta(minutes=1)  # an end on the hour does not open the next one
    return number_of_date(moment.date()) * 24 + moment.hour


def _key(ask: Ask, cell: Cell) -> tuple | None:
    unit = cell.unit
    if ask.campaigns is not None and unit.campaign_id not in ask.campaigns:
        return None
    if ask.units is not None and unit.unit_id not in ask.units:
        return None
    values: dict[str, Any] = {
        "campaign_id": unit.campaign_id,
        "campaign_name": unit.campaign_name,
        "unit_id": unit.unit_id,
        "unit_name": unit.unit_name,
        "creative_id": unit.creative_id(cell.creative),
        "creative_name": f"{unit.unit_name}-创意{cell.creative + 1}",
        "ad_scene": "信息流广告",
        "placement_type": cell.placement,
    }
    names = (*LEVELS[ask.level], *(DIMS[d] for d in ask.dims))
    return tuple((name, values[name]) for name in names)


def _row(ask: Ask, time: tuple[str, int], key: dict, sums: dict[str, int]) -> dict:
    row: dict[str, Any] = {"stat_date": time[0]}
    if ask.hourly:
        row["stat_hour"] = time[1]
    figures: dict[str, float] = {name: sums[name] for name in COUNTS if name not in _HELPERS}
    figures |= {name: sums[name] / 100 for name in MONEY}
    # the WeChat id copied; some of those who copy it then add it
    figures["event_add_wechat"] = sums["copied_only"] + sums["event_wechat_connected"]
    for name, (above, below) in RATIOS.items():
        figures[name] = round(sums[above] / sums[below], 4) if sums[below] else 0.0
    for name, (below, factor) in COSTS.items():
        figures[name] = round(sums["charge"] / sums[below] * factor, 3) if sums[below] else 0.0
    figures |= dict.fromkeys(ZEROS, 0)
    if not ask.hourly:
        figures["event_next_day_stay"] = 0
    chosen = figures
    if ask.columns is not None:
        chosen = {name: value for name, value in figures.items() if name in ask.columns}
    return row | key | chosen


_HELPERS = ("play_end", "copied_only")
_KNOWN_COLUMNS = (
    frozenset((*COUNTS, *MONEY, *RATIOS, *COSTS, *ZEROS))
    | {"event_add_wechat", "event_next_day_stay", "stat_date", "stat_hour"}
    | {name for names in LEVELS.values() for name in names}
) - set(_HELPERS)
