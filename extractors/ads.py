"""What the ad platforms' reports share: days, rows sent twice, control totals, marks of no value.

A platform's module says how its pages are asked for; everything else of a daily report is here.
"""

from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from extractors.core.parse import number
from extractors.core.stream import Kind, Stream

if TYPE_CHECKING:
    from extractors.core.context import PullContext


class Answer(NamedTuple):
    """The rows of all pages, and how many the platform says there are (None: it does not say)."""

    rows: list[dict]
    expected: int | None = None


class AdReport(Stream):
    """A report by business day and ad object.

    Attributes:
        day_field: the wire field that holds the day.
        metrics: figures; where a platform writes `-` or -1.0 for "no value", they become null.
        totals: measures whose account totals, by the platform's own count, are read too and kept
            beside the sum of the landed detail.
        writes_no_value: whether the platform has such marks.
    """

    kind = Kind.REPORT
    day_field: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    totals: ClassVar[tuple[str, ...]]
    writes_no_value: ClassVar[bool] = True

    def detail(self, pull: "PullContext", first: date, last: date) -> Answer:
        """Every page of the detail of these days."""
        raise NotImplementedError

    def account_days(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The account's own total of each of these days."""
        raise NotImplementedError

    def extract(self, pull: "PullContext") -> None:
        """The detail of every day asked for, and the platform's totals to reconcile it with."""
        for first, last in pull.windows():
            asked = [day for day in pull.dates if first <= day <= last]
            detail, totals = pull.map(
                lambda read, first=first, last=last: read(pull, first, last),
                (self._settled, self.account_days),
                lanes=2,
            )
            self.land_days(pull, asked, detail.rows, self._flat(pull, totals).rows)

    def land_days(
        self, pull: "PullContext", asked: list[date], detail: list[dict], totals: list[dict]
    ) -> None:
        """Land rows under their days; note the totals. Days of nobody's asking are reported."""
        rows = self._by_day(pull, asked, detail)
        platform = self._by_day(pull, asked, totals)
        pull.land(rows)
        for day in asked:
            for measure in self.totals:
                values = [number(row.get(measure)) for row in platform[day]]
                # no row from the platform is unknown, not zero
                pull.control(
                    day,
                    measure,
                    values[0] if values else None,
                    round(sum(number(row.get(measure)) or 0 for row in rows[day]), 4),
                )

    def row_of(self, pull: "PullContext", row: dict) -> dict:
        """A row as it lands; nested rows are flattened here, ids that are in no row added."""
        del pull
        return row

    def _settled(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The detail, read again once if rows repeat or are missing: pages get lost or doubled."""
        answer = self._flat(pull, self.detail(pull, first, last))
        if not self._is_whole(answer):
            answer = self._flat(pull, self.detail(pull, first, last))
            if answer.expected is not None and len(answer.rows) < answer.expected:
                pull.warn("short_pages", f"{len(answer.rows)} of {answer.expected} rows were given")
        # rows that still repeat are the platform's own doing: they land, and the gate judges them
        return answer

    def _flat(self, pull: "PullContext", answer: Answer) -> Answer:
        return Answer([self.row_of(pull, row) for row in answer.rows], answer.expected)

    def _is_whole(self, answer: Answer) -> bool:
        keys = {
            (row.get(self.day_field), *(str(row.get(key)) for key in self.primary_key))
            for row in answer.rows
        }
        return len(keys) == len(answer.rows) and answer.expected in (None, len(answer.rows))

    def _by_day(
        self, pull: "PullContext", asked: list[date], rows: list[dict]
    ) -> dict[date, list[dict]]:
        by_day: dict[date, list[dict]] = {day: [] for day in asked}
        strange = set()
        for row in rows:
            if self.writes_no_value:
                for metric in self.metrics:
                    if is_no_value(row.get(metric)):
                        row[metric] = None
            day = day_of(row[self.day_field])
            if day in by_day:
                by_day[day].append(row)
            elif not asked[0] <= day <= asked[-1]:
                strange.add(day.isoformat())
        if strange:
            pull.warn("shifted_day", f"days nobody asked for: {', '.join(sorted(strange))}")
        return by_day


def is_no_value(value: object) -> bool:
    """Whether a figure is a platform's way to say that there is none: `-`, `--`, empty, -1.0."""
    return value in (-1, "", "-", "--", "-1", "-1.0", "-1.00")


def day_of(value: str) -> date:
    """The day of `2026-04-13` or `2026-04-13 00:00:00`.

    Raises:
        ValueError: it is neither.
    """
    return date.fromisoformat(value[:10]) if len(value) in (10, 19) else _refuse(value)


def _refuse(value: str) -> date:
    raise ValueError(value)


def percent(value: object) -> object:
    """A percentage that may come as text with its sign (`1.23%`) as the number before the sign."""
    return value.removesuffix("%") if isinstance(value, str) else value


def shanghai_seconds(text: str | None) -> int | None:
    """Seconds since 1970 of a Shanghai clock time (`2026-04-13 10:00:00`); None stays None."""
    if not text:
        return None
    return int(datetime.fromisoformat(f"{text.strip()}+08:00").timestamp())
