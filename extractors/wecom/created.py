"""Lists asked for by time of creation, and results that are read again while they may change.

A message, a moment or a bill belongs to the business day it was created on; its results come in
over the days after. Each pull lands such a day whole again. Results that are old enough not to
move are not asked for again each day: they are carried over from the pull before, and read a last
time when the day leaves the stream's range.
"""

from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from siyu.calendar import start_of

if TYPE_CHECKING:
    import pyarrow as pa

    from extractors.core.context import PullContext

# results are read every day for so many days, then carried over (account option `fresh_days`)
FRESH_DAYS = 3
RowsByDay = dict[date, list[dict]]


def by_creation_day(
    pull: "PullContext", ask: Callable[[int, int], Iterable[dict]], field: str = "create_time"
) -> RowsByDay:
    """Rows of every window asked for, each under the business day it was created on.

    Args:
        pull: the pull.
        ask: (first second, first second after the last day) -> rows. Whether the source takes the
            ends as belonging to the window does not matter: other days' rows are left out.
        field: seconds since 1970; a row where it cannot be read is quarantined.
    """
    rows: RowsByDay = {day: [] for day in pull.dates}
    for first, last in pull.windows():
        begin, end = (int(start_of(day).timestamp()) for day in (first, last + timedelta(1)))
        for row in ask(begin, end):
            day = _day_created(pull, row, field)
            # windows share their edges: a row counts in the one that its day lies in
            if day in rows and first <= day <= last:
                rows[day].append(row)
    return rows


def _day_created(pull: "PullContext", row: dict, field: str) -> date | None:
    """The business day of a row's time; None, and counted, where there is none."""
    from extractors.core.parse import day_of_seconds

    try:
        return day_of_seconds(row[field])
    except (KeyError, TypeError, ValueError):
        pull.reject({"reason": f"{field} is not a time"})
        return None


class Carried:
    """What the newest earlier pull landed for the days of this one, by a part of the key."""

    def __init__(self, pull: "PullContext", key: tuple[str, ...]) -> None:
        """Nothing is read before it is asked for."""
        self._pull, self._key = pull, key
        self._days: dict[date, tuple[pa.Table, dict[tuple, list[int]], datetime]] = {}
        self.fresh_days = int(pull.account.options.get("fresh_days", FRESH_DAYS))

    def serves(self, day: date, *key: Hashable, changed_at: datetime | None = None) -> bool:
        """Whether the rows of the pull before can stand in for asking again.

        Not while the day is young, not on its last reading, not when there were no rows, and not
        when the source has changed them since.
        """
        if self._pull.is_explicit:
            return False
        age = (self._pull.today - day).days
        if age <= self.fresh_days or age >= self._pull.stream.revised_for_days:
            return False
        _, positions, pulled_at = self._read(day)
        return bool(positions.get(key)) and (changed_at is None or changed_at < pulled_at)

    def land(self, day: date, keys: Iterable[tuple]) -> None:
        """Land the earlier rows of these keys once more."""
        import pyarrow as pa

        from extractors.core.stream import DAY

        table, positions, _ = self._read(day)
        wanted = [position for key in keys for position in positions[key]]
        if wanted:
            rows = table.take(wanted)
            days = pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows)
            self._pull.landing.add(rows.append_column(pa.field(DAY, pa.date32()), days))

    def _read(self, day: date) -> "tuple[pa.Table, dict[tuple, list[int]], datetime]":
        from extractors.core.history import earlier_tables

        if day not in self._days:
            pull = self._pull
            names = [*pull.stream.schema.names, "_extra"]
            commits = [c for c in pull.commits if any(f.event_date == day for f in c.files)]
            positions: dict[tuple, list[int]] = {}
            table, pulled_at = None, datetime.min.replace(tzinfo=pull.clock.as_of.tzinfo)
            if commits:
                table, pulled_at = earlier_tables(pull, day, names)[-1], commits[-1].pulled_at
                # a file from before a column existed cannot stand in
                if table.column_names == names:
                    keys = zip(*(table[name].to_pylist() for name in self._key), strict=True)
                    for position, key in enumerate(keys):
                        positions.setdefault(key, []).append(position)
            self._days[day] = (table, positions, pulled_at)
        return self._days[day]
