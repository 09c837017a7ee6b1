"""Baidu: parameters of a report, and answers that fail in part."""

from datetime import date
from typing import Any

from sandbox.state import State
from sandbox.timeline import day_number, number_of_date
from sandbox.vendors.common import Refusal, is_int

# the contract stores no list of failure codes; this one is the sandbox's own
ARGUMENT = 8001


class Partial(Exception):  # noqa: N818 - an answer of the vendor, not an error of ours
    """Status 1: a usable but incomplete body, and what is missing."""

    def __init__(self, body: dict | bytes, failures: list[dict]) -> None:
        """The body, and the failures that say what it lacks."""
        self.body, self.failures = body, failures
        super().__init__("partial success")


def failure(code: int, message: str, position: str, id_: int | None = None) -> dict[str, Any]:
    """One entry of header.failures."""
    entry = {"code": code, "message": message, "position": position, "content": ""}
    return entry if id_ is None else entry | {"id": id_}


def refuse(name: str, message: str) -> Refusal:
    """A refusal of a parameter of the body."""
    return Refusal(ARGUMENT, f"{name} {message}", position=f"body.{name}")


def whole(body: dict, name: str, default: int, least: int) -> int:
    """A whole number."""
    value = body.get(name, default)
    if not is_int(value) or value < least:
        raise refuse(name, f"must be an integer of at least {least}")
    return value


def days(state: State, body: dict, most_days: int) -> tuple[int, int]:
    """First and last day number of startDate and endDate (a time of day is ignored)."""
    numbers = []
    for name in ("startDate", "endDate"):
        try:
            numbers.append(number_of_date(date.fromisoformat(str(body.get(name))[:10])))
        except ValueError:
            raise refuse(name, "must be YYYY-MM-DD") from None
    first, last = numbers
    if last < first:
        raise refuse("endDate", "is before startDate")
    if last - first >= most_days:
        raise refuse("startDate", f"is more than {most_days} days before endDate")
    if last > int(day_number(state.now_ms)):
        raise refuse("endDate", "is in the future")
    return first, last
