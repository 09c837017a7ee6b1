"""A verdict: what one check says about one scope, on one business day, as known at one moment."""

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime

from siyu.calendar import aware

# Why data is not as it should be. On-call acts differently on each; docs/oncall.md has a page each.
NOT_PULLED = "not_pulled"
SOURCE_LATE = "source_late"
PARTIAL = "partial"
SILENT_EMPTY = "silent_empty"
STUCK = "stuck"
REVISED_AFTER_FINAL = "revised_after_final"
SHIFTED_DAY = "shifted_day"
DUPLICATED = "duplicated"
SCHEMA_DRIFT = "schema_drift"
# Ours, beside the nine of arriving data: the warehouse broke a rule; the check itself broke.
BROKEN_RULE = "broken_rule"
CHECKER_ERROR = "checker_error"

BLOCK, WARN, INFO = "block", "warn", "info"
SEVERITIES = (INFO, WARN, BLOCK)  # from light to heavy

# Causes that are names for one fault at different ages: a channel that is late on the first day may
# be partial on the third. One scope has at most one open incident per family.
FAMILIES = {
    NOT_PULLED: "arrival",
    SOURCE_LATE: "arrival",
    PARTIAL: "arrival",
    SILENT_EMPTY: "arrival",
    STUCK: "arrival",
    SHIFTED_DAY: "arrival",
    REVISED_AFTER_FINAL: "revision",
    DUPLICATED: "duplication",
    SCHEMA_DRIFT: "schema",
    BROKEN_RULE: "rule",
    CHECKER_ERROR: "checker",
}

CAUSES_ZH = {
    NOT_PULLED: "未拉取",
    SOURCE_LATE: "源端延迟",
    PARTIAL: "数据不全",
    SILENT_EMPTY: "返回为空",
    STUCK: "数据停滞",
    REVISED_AFTER_FINAL: "定稿后被改",
    SHIFTED_DAY: "日期错位",
    DUPLICATED: "数据重复",
    SCHEMA_DRIFT: "字段变化",
    BROKEN_RULE: "数仓规则不成立",
    CHECKER_ERROR: "检查程序故障",
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One line of the quality log.

    Attributes:
        gate: landing, freshness, fact or mart.
        check: the rule, e.g. `is_pulled`, `value_within_band`.
        family: groups the causes that can be one incident; the rule's own, also when it passed.
        channel: empty for the whole stream.
        event_date: the business day judged; for fact and mart gates the newest day.
        cause: why it failed; empty when it passed.
        severity: of the rule: block (do not publish), warn (publish, flagged), info.
        observed, expected_low, expected: the figures, where the rule has any.
        is_checker_error: the check could not run; says nothing about the data.
    """

    gate: str
    check: str
    as_of_at: datetime
    event_date: date
    passed: bool
    severity: str
    family: str
    cause: str = ""
    source: str = ""
    account: str = ""
    channel: str = ""
    stream: str = ""
    observed: float | None = None
    expected_low: float | None = None
    expected: float | None = None
    detail_zh: str = ""
    detail_en: str = ""
    is_checker_error: bool = False

    @property
    def scope(self) -> tuple[str, str, str, str]:
        """Whose data this is about: source, account, channel, stream."""
        return (self.source, self.account, self.channel, self.stream)

    def as_json(self) -> dict:
        """A plain document; `from_json` is its inverse."""
        document = dict(vars(self))
        document["as_of_at"] = aware(self.as_of_at).isoformat()
        document["event_date"] = self.event_date.isoformat()
        return document

    @classmethod
    def from_json(cls, document: dict) -> "Verdict":
        """Read one line of the log; fields that a later version added are ignored."""
        values = {key: value for key, value in document.items() if key in _FIELDS}
        values["as_of_at"] = datetime.fromisoformat(values["as_of_at"])
        values["event_date"] = date.fromisoformat(values["event_date"])
        return cls(**values)


_FIELDS = frozenset(field.name for field in dataclasses.fields(Verdict))


def heavier(one: str, other: str) -> str:
    """The heavier of two severities."""
    return max(one, other, key=SEVERITIES.index)


def scope_text(source: str, account: str, channel: str, stream: str) -> str:
    """A scope as people write it: `page_events/h5_main/page_event/live_stream`."""
    return "/".join(part for part in (source, account, stream, channel) if part)


def checker_error(
    gate: str, as_of: datetime, event_date: date, error: BaseException, *, severity: str = WARN
) -> Verdict:
    """The verdict that the check itself failed: reported as such, never as bad data."""
    text = f"{type(error).__name__}: {error}"[:500]
    return Verdict(
        gate=gate,
        check="checker",
        as_of_at=as_of,
        event_date=event_date,
        passed=False,
        severity=severity,
        family=FAMILIES[CHECKER_ERROR],
        cause=CHECKER_ERROR,
        source="siyu",
        stream=f"{gate}_gate",
        is_checker_error=True,
        detail_zh=f"检查程序自身出错，数据好坏未知：{text}",
        detail_en=f"The check itself failed, nothing is known about the data: {text}",
    )
