"""Daily statistics that must be asked for one staff member at a time."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING

from siyu.calendar import start_of

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 4


def land_per_member(
    pull: "PullContext",
    key: str,
    counters: tuple[str, ...],
    ask: Callable[[str, int, int], Iterable[dict]],
) -> None:
    """Ask for each member and span of days; land the days that have counters.

    An element without any counter means "not computed yet": it is never landed as zeros. A day for
    which no member has counters is unanswered; one for which some lack them is incomplete.

    Args:
        pull: the pull.
        key: column that the member's userid goes to.
        counters: fields of which at least one must be there.
        ask: (userid, first midnight, last midnight) -> elements with `stat_time`.
    """
    from extractors.core.errors import ApiError
    from extractors.core.parse import day_of_seconds
    from extractors.wecom.client import GONE_MEMBER_CODES, NO_CONTACT

    def read(question: tuple[str, date, date]) -> dict[date, dict]:
        userid, first, last = question
        spans = (int(start_of(day).timestamp()) for day in (first, last))
        try:
            elements = list(ask(userid, *spans))
        except ApiError as error:
            if error.code != NO_CONTACT and error.code not in GONE_MEMBER_CODES:
                raise
            if error.code != NO_CONTACT:
                pull.warn("member_skipped", f"{userid} answered with code {error.code}")
            return {}
        return {
            day_of_seconds(element["stat_time"]): {**element, key: userid} for element in elements
        }

    members = pull.client.follow_users()
    questions = [(userid, *window) for window in pull.windows() for userid in members]
    rows: dict[date, list[dict]] = {day: [] for day in pull.dates}
    lacking: set[date] = set()
    for answer in pull.map(read, questions, LANES):
        for day, row in answer.items():
            if day not in rows:
                continue
            if any(row.get(counter) is not None for counter in counters):
                rows[day].append(row)
            else:
                lacking.add(day)
    pull.land(rows)
    for day, day_rows in rows.items():
        if day in lacking or (members and not day_rows):
            pull.not_ready(day, is_incomplete=bool(day_rows))
