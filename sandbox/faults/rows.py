"""Rows of a vendor's answer: where they are, of which day, who they are of, what they measure."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from sandbox.timeline import DAY_MS, day_number, number_of_date

_DAY_KEYS = ("ref_date", "stat_date", "stat_time_day", "stat_time", "date", "time", "ds")
_MOMENT_KEYS = ("create_time", "createtime", "pay_time", "send_time", "timestamp", "join_time")
_NO_MEASURES = frozenset(
    (
        "user_source",
        "msg_type",
        "hour",
        "ref_hour",
        "stat_hour",
        "count_interval",
        "publish_type",
        "position",
        "status",
        "type",
        "media_type",
        "video_status",
        "create_type",
        "visible_type",
        "add_way",
        "order_scene",
        "page",
        "page_size",
    )
)
_RATIOS = ("rate", "ratio", "percent", "avg", "ctr", "cpc", "cpm", "acp", "thousand", "_cost_")
_IDENTITY_KEYS = ("site_set", "owner", "hour", "user_source", "msg_type", "ref_hour")
_PERSONAL_KEYS = frozenset(("name", "title", "remark", "state"))


def row_lists(document: Any) -> list[tuple[Any, Any]]:
    """(container, key) of the lists that hold an answer's rows: the outermost ones."""
    found, level = [], [document]
    for _ in range(4):
        following = []
        for container in level:
            for key, value in container.items():
                if isinstance(value, dict):
                    following.append(value)
                elif isinstance(value, list):
                    wraps = len(value) == 1 and isinstance(value[0], dict) and "rows" in value[0]
                    found.append((value[0], "rows") if wraps else (container, key))
        if found:
            return found
        level = following
    return found


def inner(document: Any, path: tuple[str, ...]) -> dict | None:
    """The object at a path, None where there is none."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else None


# ----------------------------------------------------------------------------------------- days
def day_in(value: Any) -> int | None:
    """The day number behind a date text, a moment text or a UNIX time."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        if 10**9 <= value < 10**11:
            return int(day_number(value * 1000))
        value = str(value)
    if not isinstance(value, str):
        return None
    if len(value) == 8 and value.isdigit():
        value = f"{value[:4]}-{value[4:6]}-{value[6:]}"
    try:
        return number_of_date(date.fromisoformat(value[:10]))
    except ValueError:
        return None


def moved(value: Any, days: int) -> Any:
    """The same kind of value some days on; unchanged where it is no day."""
    if isinstance(value, int) and not isinstance(value, bool) and 10**9 <= value < 10**11:
        return value + days * DAY_MS // 1000
    is_compact = len(str(value)) == 8 and str(value).isdigit()
    if day_in(value) is None:
        return value
    if is_compact:
        day = datetime.strptime(str(value), "%Y%m%d").replace(tzinfo=UTC) + timedelta(days)
        return type(value)(day.strftime("%Y%m%d"))
    day = date.fromisoformat(value[:10]) + timedelta(days)
    return day.isoformat() + value[10:]


def _day_place(row: Any) -> tuple[dict, str] | None:
    if not isinstance(row, dict):
        return None
    places = [row, *(row[k] for k in ("dimensions", "data") if isinstance(row.get(k), dict))]
    for keys in (_DAY_KEYS, _MOMENT_KEYS):
        for place in places:
            for key in keys:
                if day_in(place.get(key)) is not None:
                    return place, key
    return None


def row_day(row: Any) -> int | None:
    """The business day a row says it belongs to."""
    place = _day_place(row)
    return day_in(place[0][place[1]]) if place else None


def relabelled(row: Any, days: int) -> Any:
    """The same row under another day."""
    row = orjson.loads(orjson.dumps(row))
    if place := _day_place(row):
        place[0][place[1]] = moved(place[0][place[1]], days)
    return row


def shifted_hours(value: Any, hours: int, *, from_day: int) -> Any:
    """Every moment at or after a day, some hours on; dates without a time stay."""
    if isinstance(value, dict):
        return {
            k: _moment(v, hours, from_day)
            if k.endswith("time") or k == "timestamp"
            else shifted_hours(v, hours, from_day=from_day)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [shifted_hours(v, hours, from_day=from_day) for v in value]
    return value


def _moment(value: Any, hours: int, from_day: int) -> Any:
    day = day_in(value)
    if day is None or day < from_day:
        return value
    if isinstance(value, int):
        return value + hours * 3600
    if len(value) < 19:
        return value
    moment = datetime.fromisoformat(value) + timedelta(hours=hours)
    spread = "T" if "T" in value else " "
    fine = "milliseconds" if "." in value else "seconds"
    return moment.isoformat(spread, fine)


# ------------------------------------------------------------------------------ identity, figures
def identity(row: Any, call_key: bytes) -> float:
    """A fixed number in 0..1 for whom or what a row is about."""
    if not isinstance(row, dict):
        text = str(row).encode()
    else:
        ids: dict[str, Any] = {}
        parts = (row.get(k) for k in ("dimensions", "follow_info", "external_contact"))
        for place in (row, *parts):
            if isinstance(place, dict):
                ids |= {k: v for k, v in place.items() if _names_something(k, v)}
        text = orjson.dumps(ids, option=orjson.OPT_SORT_KEYS) if ids else b""
    digest = hashlib.blake2b(text or call_key, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _names_something(key: str, value: Any) -> bool:
    is_plain = isinstance(value, (str, int))
    return is_plain and (key.lower().endswith("id") or key in _IDENTITY_KEYS)


def has_identity(row: Any) -> bool:
    """Whether a row names what it is about."""
    return identity(row, b"a") == identity(row, b"b")


def _is_measure(key: str, value: Any) -> bool:
    low = key.lower()
    if low in _NO_MEASURES or low.endswith("id") or low in _DAY_KEYS or low in _MOMENT_KEYS:
        return False
    if any(word in low for word in _RATIOS) or isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return True
    return isinstance(value, str) and value.replace(".", "", 1).replace(",", "").isdigit()


def changed_measures(value: Any, change: Callable[[float], float]) -> Any:
    """The row with every counter and amount changed; ids, days, ratios and texts stay."""
    if isinstance(value, list):
        return [changed_measures(v, change) for v in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, old in value.items():
        if isinstance(old, (dict, list)):
            result[key] = changed_measures(old, change)
        elif _is_measure(key, old):
            result[key] = _like(old, change(float(str(old).replace(",", ""))))
        else:
            result[key] = old
    return result


def _like(old: Any, new: float) -> Any:
    if isinstance(old, int):
        return int(new)
    if isinstance(old, float):
        return round(new, 4)
    return str(int(new)) if "." not in old else f"{new:.{len(old.partition('.')[2])}f}"


def drifted(row: Any, change: str, name: str | None) -> Any:
    """The row after a change of its schema: a field renamed, of another type, unit, or new."""
    if not isinstance(row, dict):
        return row
    row = orjson.loads(orjson.dumps(row))
    if change == "new_field":
        row["sandbox_new_field"] = 1
        return row
    place, key = _field(row, name)
    if place is None:
        return row
    if change == "rename":
        return _renamed(row, place, key)
    old = place[key]
    if change == "type":
        place[key] = {"value": old}
    else:
        is_measure = _is_measure(key, old)
        place[key] = _like(old, float(str(old).replace(",", "")) * 100) if is_measure else old
    return row


def _renamed(row: dict, place: dict, key: str) -> dict:
    place[f"{key}_v2"] = place.pop(key)
    return row


def _field(row: dict, name: str | None) -> tuple[dict | None, str]:
    """The field that drifts: the named one, else the first measure, else the first moment."""
    stack, first = [row], None
    while stack:
        place = stack.pop(0)
        for key, value in place.items():
            if name == key or (name is None and _is_measure(key, value)):
                return place, key
            if first is None and name is None and key in _MOMENT_KEYS:
                first = (place, key)
        stack += [v for v in place.values() if isinstance(v, dict)]
    if first or name is not None:
        return first or (None, "")
    plain = [k for k in row if k not in _PERSONAL_KEYS and not k.lower().endswith("id")]
    return (row, plain[0]) if plain else (None, "")
