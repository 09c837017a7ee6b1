"""What a pull adds up while it is written: arrivals, and detail beside the platform's totals."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.core.manifest import Arrival, ControlTotal
from extractors.core.stream import DAY, Kind, Stream

if TYPE_CHECKING:
    from extractors.core.landing import Landing

DECIMALS = 4  # of yuan: sums of decimals that came as text
MOST_NAMED = 5


class Sums:
    """Adds up the parts of a pull as they are written."""

    def __init__(self, stream: Stream, platform: dict[tuple[date, str], float | None]) -> None:
        """Take the stream and the platform's own totals by day and measure."""
        self.stream, self.platform = stream, platform
        self._arrived: dict[tuple[date, str, str], float | None] = {}
        self._detail: dict[tuple[date, str], float] = {}
        self._adds_up = type(stream).arrivals is Stream.arrivals
        self._is_counted = stream.kind != Kind.EVENT

    def add(self, table: pa.Table) -> None:
        """Take rows of some days; a day may come in several parts."""
        if self._is_counted and self._adds_up:
            for day, channel, measure, value in self.stream.arrivals(table):
                key = (day, channel, measure)
                self._arrived[key] = _sum(self._arrived.get(key), value)
        measures = sorted({measure for _, measure in self.platform} - {"rows"})
        if self.platform:
            grouped = table.group_by(DAY, use_threads=False).aggregate(
                [(measure, "sum") for measure in measures] + [([], "count_all")]
            )
            days = grouped[DAY].to_pylist()
            for measure in (*measures, "rows"):
                column = "count_all" if measure == "rows" else f"{measure}_sum"
                for day, value in zip(days, grouped[column].to_pylist(), strict=True):
                    key = (day, measure)
                    self._detail[key] = self._detail.get(key, 0) + (value or 0)

    def arrivals(self, landing: "Landing") -> list[Arrival]:
        """What is known of each day after this pull; a sum of missing values only is left out."""
        if self._adds_up:
            found: Iterable = ((*key, value) for key, value in self._arrived.items())
        else:
            found = self.stream.arrivals(landing.table)
        return [Arrival(*values) for values in found if values[-1] is not None]

    def control_totals(self) -> list[ControlTotal]:
        """The platform's totals beside the sums of what landed."""
        return [
            ControlTotal(day, measure, total, round(self._detail.get((day, measure), 0), DECIMALS))
            for (day, measure), total in sorted(self.platform.items(), key=lambda item: item[0])
        ]


def mismatches(stream: Stream, totals: list[ControlTotal]) -> Iterator[str]:
    """One text per measure whose detail misses the platform's total by more than the tolerance."""
    wrong: dict[str, list[ControlTotal]] = {}
    for total in totals:
        if is_mismatch(total, stream.control_tolerance):
            wrong.setdefault(total.measure, []).append(total)
    for measure, found in sorted(wrong.items()):
        named = ", ".join(
            f"{t.event_date}: {t.detail_total:g} of {t.platform_total:g}"
            for t in found[:MOST_NAMED]
        )
        more = f" and {len(found) - MOST_NAMED} more days" if len(found) > MOST_NAMED else ""
        yield f"{measure} {named}{more}"


def is_mismatch(total: ControlTotal, tolerance: float) -> bool:
    """Whether a total and its detail differ by more than a share; a total not given agrees."""
    if total.platform_total is None:
        return False
    return abs(total.detail_total - total.platform_total) > tolerance * abs(total.platform_total)


def _sum(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other
