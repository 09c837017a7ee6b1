"""From rows that break rules to verdicts: one per scope, named after what on-call must do."""

import math
from collections import defaultdict
from datetime import date, datetime

import numpy as np

from expectations.business_day import ALL
from expectations.checks import Break
from expectations.verdict import (
    FAMILIES,
    INFO,
    NOT_PULLED,
    PARTIAL,
    SCHEMA_DRIFT,
    SILENT_EMPTY,
    SOURCE_LATE,
    STUCK,
    WARN,
    Verdict,
)

GATE = "freshness"
# what explains the others comes first
PRIORITY = (NOT_PULLED, SILENT_EMPTY, STUCK, SOURCE_LATE, PARTIAL)
# the channels that do not fail may bring this share of what they used to, and it still is the
# stream that fails: a small channel's band is too wide to show what its large siblings show
LEFT_OVER_SHARE = 0.5


def verdicts(rows: list[dict], breaks: list[Break], as_of: datetime) -> list[Verdict]:
    """One verdict per scope for the newest day, and one per older day that fails.

    A stream that was not pulled, or in which every channel fails, is one verdict with channel '';
    else each failing channel is one, whatever number of its measures fail.
    """
    causes: dict[str, list[Break]] = defaultdict(list)
    for found in breaks:
        causes[found.key].append(found)
    result: list[Verdict] = []
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for row in rows:
        groups[row["source"], row["account"], row["stream"], row["event_date"]].append(row)
    for (source, account, stream, day), members in sorted(groups.items()):
        result += _Group(source, account, stream, day, members, causes, as_of).verdicts()
    return result


class _Group:
    """One stream's business day, its rows and what they break."""

    def __init__(
        self,
        source: str,
        account: str,
        stream: str,
        day: date,
        rows: list[dict],
        causes: dict[str, list[Break]],
        as_of: datetime,
    ) -> None:
        self.names = {"source": source, "account": account, "stream": stream}
        self.day, self.as_of, self.causes = day, as_of, causes
        self.whole = next(row for row in rows if row["measure"] == ALL)
        self.series = [row for row in rows if row["measure"] != ALL]
        self.is_newest = self.whole["is_newest"]

    def verdicts(self) -> list[Verdict]:
        """Failures of any day; passes of the newest only."""
        if not self.is_newest and not any(
            row["key"] in self.causes for row in (self.whole, *self.series)
        ):
            return []
        found = [*self._arrival(), *self._schema()]
        return [v for v in found if self.is_newest or not v.passed]

    def _schema(self) -> list[Verdict]:
        if not self.whole["is_pulled"]:
            return []
        failed = any(b.cause == SCHEMA_DRIFT for b in self.causes.get(self.whole["key"], ()))
        names = self.whole["unknown_fields"]
        return [
            self._verdict(
                "is_known",
                family=FAMILIES[SCHEMA_DRIFT],
                cause=SCHEMA_DRIFT if failed else "",
                zh=f"出现合同外字段，已保留在 _extra：{names}" if failed else "",
                en=f"fields outside the contract, kept in _extra: {names}" if failed else "",
            )
        ]

    def _arrival(self) -> list[Verdict]:
        broken = [b for b in self.causes.get(self.whole["key"], ()) if b.cause in PRIORITY]
        if broken:
            first = min(broken, key=lambda b: PRIORITY.index(b.cause))
            zh, en = WHOLE_TEXT[first.check]
            return [
                self._verdict(first.check, cause=first.cause, severity=first.severity, zh=zh, en=en)
            ]
        channels = defaultdict(list)
        for row in self.series:
            channels[row["channel"]].append(row)
        totals = channels.pop("", []) if len(channels) > 1 else []
        if list(channels) == [""]:
            return [self._scope("", channels[""])]
        failing = {name for name, rows in channels.items() if self._broken(rows)}
        if self._whole_stream_fails(channels, failing, totals):
            rows = (
                totals if self._broken(totals) else [r for rows in channels.values() for r in rows]
            )
            return [self._scope("", rows)]
        passed = self._verdict("value_within_band", zh="", en="")
        return [passed, *(self._scope(name, rows) for name, rows in sorted(channels.items()))]

    def _whole_stream_fails(
        self, channels: dict[str, list[dict]], failing: set[str], totals: list[dict]
    ) -> bool:
        """Every channel that can be judged fails, or their total; and the rest is low as well."""
        if not failing:
            return bool(self._broken(totals))
        judged = {name for name, rows in channels.items() if _can_fail(rows)}
        rest = [row for name, rows in channels.items() if name not in failing for row in rows]
        expected = np.nansum([row["expected"] for row in rest])
        value = np.nansum([row["value"] for row in rest])
        if judged == failing and expected < 1:
            # nobody is left to tell a dead channel from a dead stream
            return len(judged) > 1 or len(channels) == 1
        is_all = judged == failing or bool(self._broken(totals))
        return is_all and bool(value <= LEFT_OVER_SHARE * expected)

    def _broken(self, rows: list[dict]) -> list[tuple[dict, Break]]:
        return [
            (row, b) for row in rows for b in self.causes.get(row["key"], ()) if b.cause in PRIORITY
        ]

    def _scope(self, channel: str, rows: list[dict]) -> Verdict:
        broken = self._broken(rows)
        if not broken:
            if not any(row["is_judged"] for row in rows):
                return self._verdict(
                    "not_enough_history",
                    channel=channel,
                    severity=INFO,
                    zh="历史不足 14 天，只按约定时间判断",
                    en="not enough history: judged by the contract's times only",
                )
            return self._verdict("value_within_band", channel=channel, row=_largest(rows))
        _, first = min(broken, key=lambda pair: PRIORITY.index(pair[1].cause))
        below = [row for row in rows if row["value"] < row["expected_low"]] or rows
        below = sorted(below, key=_expected, reverse=True)
        measures = sorted(
            {row["measure"] for row in below}, key=[row["measure"] for row in below].index
        )[:4]
        named = [next(row for row in below if row["measure"] == m) for m in measures]
        zh = "，".join(
            f"{r['measure']} {_number(r['value'])}（预期约 {_number(r['expected'])}，"
            f"下限 {_number(r['expected_low'])}）"
            for r in named
        )
        en = ", ".join(
            f"{r['measure']} {_number(r['value'])} (expected about "
            f"{_number(r['expected'])}, low {_number(r['expected_low'])})"
            for r in named
        )
        return self._verdict(
            first.check,
            channel=channel,
            cause=first.cause,
            severity=first.severity,
            row=below[0],
            zh=zh,
            en=en,
        )

    def _verdict(
        self,
        check: str,
        *,
        channel: str = "",
        cause: str = "",
        severity: str = WARN,
        family: str = "arrival",
        row: dict | None = None,
        zh: str = "",
        en: str = "",
    ) -> Verdict:
        figures = {
            name: _figure(row, column)
            for name, column in (
                ("observed", "value"),
                ("expected_low", "expected_low"),
                ("expected", "expected"),
            )
        }
        return Verdict(
            gate=GATE,
            check=check,
            as_of_at=self.as_of,
            event_date=self.day,
            passed=not cause,
            severity=severity,
            family=family,
            cause=cause,
            channel=channel,
            detail_zh=zh,
            detail_en=en,
            **self.names,
            **figures,
        )


WHOLE_TEXT = {
    "is_pulled": ("到点仍无提取记录", "no pull of this day although it is due"),
    "is_delivered": ("源端表示当天尚未算完", "the source says the day is not computed yet"),
    "has_content": (
        "提取成功但返回全空，之前有数据",
        "the pull succeeded and brought nothing, where it had brought data before",
    ),
}


def _can_fail(rows: list[dict]) -> bool:
    return any(row["is_judged"] and row["expected_low"] > 0 for row in rows)


def _largest(rows: list[dict]) -> dict:
    return max(rows, key=_expected)


def _expected(row: dict) -> float:
    return 0.0 if math.isnan(row["expected"]) else row["expected"]


def _figure(row: dict | None, column: str) -> float | None:
    if row is None or not math.isfinite(row[column]):
        return None
    return round(float(row[column]), 3)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "?"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
