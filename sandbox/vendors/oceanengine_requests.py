"""Ocean Engine: parameters of a request, read strictly."""

from datetime import date, datetime
from typing import Any

import orjson

from sandbox.state import State
from sandbox.timeline import day_number, number_of_date
from sandbox.vendors.common import Refusal, is_int, is_texts

PARAMETER = 40000


def parsed(asked: dict[str, Any], name: str, *, required: bool = True) -> Any:
    """A structure: JSON text in a query, itself in a body."""
    value = asked.get(name)
    if value is None or value == "":
        if required:
            raise Refusal(PARAMETER, f"{name}: required")
        return None
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Refusal(PARAMETER, f"{name}: must be JSON") from None


def texts(asked: dict[str, Any], name: str) -> tuple[str, ...]:
    """A non-empty array of strings."""
    value = parsed(asked, name)
    if not is_texts(value) or not value:
        raise Refusal(PARAMETER, f"{name}: must be an array of strings")
    return tuple(dict.fromkeys(value))


def objects(asked: dict[str, Any], name: str) -> list[dict]:
    """An array of objects; it may be empty but must be there."""
    value = parsed(asked, name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refusal(PARAMETER, f"{name}: must be an array of objects (send [] for none)")
    return value


def whole(asked: dict[str, Any], name: str, default: int, most: int) -> int:
    """A number from 1 to the most the platform takes."""
    value = asked.get(name, default)
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not is_int(value) or not 1 <= value <= most:
        raise Refusal(PARAMETER, f"{name}: must be 1 to {most}")
    return value


def one_of(asked: dict[str, Any], name: str, default: str, allowed: tuple[str, ...]) -> str:
    """A value of an enumeration."""
    value = asked.get(name, default)
    if value not in allowed:
        raise Refusal(PARAMETER, f"{name}: must be one of {', '.join(allowed)}")
    return value


def day_range(
    state: State, asked: dict[str, Any], names: tuple[str, str], *, most_days: int, earliest: date
) -> tuple[int, int]:
    """First and last day number; a moment counts as its day.

    Raises:
        Refusal: no dates, the wrong way round, too long, too early or in the future.
    """
    numbers = []
    for name in names:
        try:
            text = str(asked.get(name))
            numbers.append(number_of_date(datetime.fromisoformat(text).date()))
        except ValueError:
            raise Refusal(PARAMETER, f"{name}: must be yyyy-MM-dd hh:mm:ss or a date") from None
    first, last = numbers
    if last < first:
        raise Refusal(PARAMETER, f"{names[1]}: is before {names[0]}")
    if last - first >= most_days:
        raise Refusal(PARAMETER, f"{names[0]}: the span is longer than {most_days} days")
    if first < number_of_date(earliest):
        raise Refusal(PARAMETER, f"{names[0]}: is before {earliest}")
    if last > int(day_number(state.now_ms)):
        raise Refusal(PARAMETER, f"{names[1]}: is in the future")
    return first, last


def page_of(rows: list, page: int, size: int) -> tuple[list, dict]:
    """The rows of one page, and `page_info`."""
    info = {
        "page": page,
        "page_size": size,
        "total_number": len(rows),
        "total_page": -(-len(rows) // size),
    }
    return rows[(page - 1) * size : page * size], info
