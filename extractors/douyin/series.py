"""Trailing windows of days (`result_list`), as all of Douyin's daily figures come."""

from datetime import date
from typing import TYPE_CHECKING

from siyu.errors import UsageError

if TYPE_CHECKING:
    from extractors.core.context import PullContext

# the only windows that may be asked for: the last so many days
WINDOWS = (7, 15, 30)


def covering_days(pull: "PullContext") -> int:
    """The shortest trailing window that reaches the oldest day asked for.

    Raises:
        UsageError: the day lies before every window.
    """
    age = (pull.today - pull.dates[0]).days
    for days in WINDOWS:
        if age <= days:
            return days
    raise UsageError(
        f"The source tells the last {WINDOWS[-1]} days only",
        where=pull.where,
        action=f"ask for days no older than {WINDOWS[-1]}",
    )


def by_date(answer: dict) -> dict[date, dict]:
    """The items of `result_list` by their day."""
    return {date.fromisoformat(item["date"]): item for item in answer.get("result_list") or ()}
