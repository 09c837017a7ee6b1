"""What the ad platforms' reports share: days, rows sent twice, control totals, marks of no value.

A platform's module says how its pages are asked for; everything else of a daily report is here.
"""

from abc import abstractmethod
from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from extractors.core.parse import number
from extractors.core.stream import Kind, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    @abstractmethod
    def account_days(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The account's own total of each of these days."""

    @abstractmethod
    def detail_pages(self, pull: "PullContext", first: date, last: date) -> "Iterator[Answer]":
        """The detail of these days in portions, each landed before the next is asked for."""

    def extract(self, pull: "PullContext") -> None:
        """The detail of every day asked for, and the platform's totals to reconcile it with."""
        for first, last in pull.windows():
            asked = [day for day in pull.dates if first <= day <= last]
            _, totals = pull.map(
                lambda read, first=first, last=last: read(pull, first, last),
                (self._land_detail, self.account_days),
                lanes=2,
            )
            platform: dict[date, dict] = {}
            for row in self._flat(pull, totals.rows):
                platform.setdefault(day_of(row[self.day_field]), row)
            for day in asked:
                for measure in self.totals:
                    # no row from the platform is unknown, not zero
                    pull.control_landed(day, measure, number(platform.get(day, {}).get(measure)))

    def row_of(self, pull: "PullContext", row: dict) -> dict:
        """A row as it lands; nested rows are flattened here, ids that are in no row added."""
        del pull
        return row

    def _land_detail(self, pull: "PullContext", first: date, last: date) -> None:
        """Land the detail; once more if rows repeat or are missing: pages get lost or doubled."""
        asked = [day for day in pull.dates if first <= day <= last]
        before = pull.mark()
        given, expected = self._land_pages(pull, first, last)
        if expected in (None, given) and not pull.landing.repeats(asked):
            return
        pull.back_to(before, asked)
        given, expected = self._land_pages(pull, first, last)
        # rows that still repeat are the platform's own doing: they land, and the gate judges them
        if expected is not None and given < expected:
            pull.warn("short_pages", f"{given} of {expected} rows were given")

    def _land_pages(self, pull: "PullContext", first: date, last: date) -> tuple[int, int | None]:
        """How many rows were given, and how many the platform says there are."""
        given, expected = 0, None
        for answer in self.detail_pages(pull, first, last):
            given, expected = given + len(answer.rows), answer.expected
            pull.land_rows(self._flat(pull, answer.rows), self.day_field, read_day=day_of)
        return given, expected

    def _flat(self, pull: "PullContext", rows: list[dict]) -> list[dict]:
        if type(self).row_of is not AdReport.row_of:
            rows = [self.row_of(pull, row) for row in rows]
        if self.writes_no_value:
            for row in rows:
                for metric in self.metrics:
                    if is_no_value(row.get(metric)):
                        row[metric] = None
        return rows


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
