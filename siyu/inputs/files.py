"""Each input file: its columns, what names a row, and the rules that span several rows."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from siyu.inputs import values
from siyu.inputs.values import Reader

# rows as read: values by column; `_line` is where the row stands in its file
Row = dict[str, Any]


class Finding(NamedTuple):
    """What a rule found wrong with a row."""

    line: int
    column: str
    what: str
    action: str


Rule = Callable[[list[Row]], Iterator[Finding]]


@dataclass(frozen=True)
class Column:
    """A column: how it is read and what it may hold.

    Attributes:
        refers: (file, column) whose values it must be one of.
        choices: the values it may have; None: any.
        optional: it may be empty.
    """

    name: str
    read: Reader = values.text
    choices: tuple[str, ...] | None = None
    refers: tuple[str, str] | None = None
    optional: bool = False


@dataclass(frozen=True)
class Input:
    """A file of the business."""

    name: str
    zh: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...] = ()

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.name}.csv"


def ends_after_start(rows: list[Row]) -> Iterator[Finding]:
    """A window does not end before it starts."""
    for row in rows:
        if row["end_date"] < row["start_date"]:
            yield Finding(
                row["_line"],
                "end_date",
                f"{row['end_date']} lies before start_date {row['start_date']}",
                "correct the one that is wrong",
            )


def reserve_in_range(rows: list[Row]) -> Iterator[Finding]:
    """A campaign keeps 10 to 15 % of its budget in reserve."""
    for row in rows:
        if not Decimal("0.10") <= row["reserve_share"] <= Decimal("0.15"):
            yield Finding(
                row["_line"],
                "reserve_share",
                f"a reserve of {row['reserve_share']} is outside of 0.10 to 0.15",
                "plan 10 to 15 % of the budget as reserve",
            )


def experiments_are_whole(rows: list[Row]) -> Iterator[Finding]:
    """An experiment has a control, at least two variants, shares of 1, one window, one metric."""
    by_experiment: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_experiment[row["experiment_id"]].append(row)
    for name, variants in by_experiment.items():
        first = variants[0]
        line = first["_line"]
        controls = sum(row["is_control"] for row in variants)
        if len(variants) < 2:
            action = "add a line for each variant"
            yield Finding(line, "variant_id", f"{name} has one variant only", action)
        elif controls != 1:
            what = f"{name} has {controls} variants marked as control"
            yield Finding(line, "is_control", what, "mark exactly one as true")
        total = sum(row["traffic_share"] for row in variants)
        if len(variants) > 1 and abs(total - 1) > Decimal("0.001"):
            what = f"the shares of {name} add up to {total}"
            yield Finding(line, "traffic_share", what, "let them add up to 1")
        for row in variants[1:]:
            for column in ("name_zh", "metric_id", "start_date", "end_date"):
                if row[column] != first[column]:
                    what = f"{name} has {first[column]} on line {line} and {row[column]} here"
                    yield Finding(row["_line"], column, what, "give all variants the same")


def every_segment_has_a_budget(rows: list[Row]) -> Iterator[Finding]:
    """A month's budget names every segment, and the total is not one of them."""
    months: dict[Any, set[str]] = defaultdict(set)
    lines: dict[Any, int] = {}
    for row in rows:
        months[row["month"]].add(row["segment_id"])
        lines.setdefault(row["month"], row["_line"])
        if row["segment_id"] == "all":
            what = "'all' is the sum of the segments"
            yield Finding(row["_line"], "segment_id", what, "remove this line")
    everywhere = set().union(*months.values()) - {"all"} if months else set()
    for month, segments in months.items():
        if missing := sorted(everywhere - segments):
            what = f"{month} has no budget for {', '.join(missing)}"
            yield Finding(lines[month], "segment_id", what, "add the line, with 0 if it is nothing")


def every_kind_of_day(rows: list[Row]) -> Iterator[Finding]:
    """The calendar speaks of each kind of day for each source it names, and says by when."""
    kinds: dict[str, set[str]] = defaultdict(set)
    lines: dict[str, int] = {}
    for row in rows:
        kinds[row["source"]].add(row["day_kind"])
        lines.setdefault(row["source"], row["_line"])
        if row["is_expected"] and row["expected_by"] is None:
            action = "write the time by which its data must be in, e.g. 08:30"
            yield Finding(row["_line"], "expected_by", "expected, and by when is not said", action)
    for source, known in kinds.items():
        if missing := [kind for kind in DAY_KINDS if kind not in known]:
            what = f"{source} has no line for {', '.join(missing)}"
            yield Finding(lines[source], "day_kind", what, "add the missing lines")


def costs_near_their_campaign(windows: list[Row], rows: list[Row]) -> Iterator[Finding]:
    """A cost belongs to the months around its campaign; another one has a mistyped year."""
    known = {row["campaign_id"]: row for row in windows}
    for row in rows:
        campaign = known.get(row["campaign_id"])
        if not campaign:
            continue
        first, last = campaign["start_date"] - NEAR, campaign["end_date"] + NEAR
        if not first <= row["cost_date"] <= last:
            what = (
                f"{row['cost_date']} is more than {NEAR.days} days away from {row['campaign_id']} "
                f"({campaign['start_date']} to {campaign['end_date']})"
            )
            yield Finding(row["_line"], "cost_date", what, "correct the date or the campaign")


NEAR = timedelta(60)
DAY_KINDS = ("workday", "weekend", "holiday", "makeup_workday")
PLATFORMS = (
    "any",
    "wechat_oa",
    "douyin",
    "wechat_channels_live",
    "wecom",
    "page_events",
)
EXPERIMENT_METRICS = (
    "message_click_rate",
    "message_open_rate",
    "ctr",
    "add_friend_rate",
    "lead_rate",
    "deal_rate",
    "landing_conversion",
    "average_order_value",
)
_SEGMENT = Column("segment_id", values.name, refers=("seed_segments", "segment_id"))

INPUTS: tuple[Input, ...] = (
    Input(
        "seed_segments",
        "客户分层",
        (
            Column("segment_id", values.name),
            Column("name_zh"),
            Column("name_en"),
            Column("is_total", values.flag),
        ),
        key=("segment_id",),
    ),
    Input(
        "seed_targets",
        "目标",
        (
            Column("metric_id", values.name, refers=("seed_metrics", "metric_id")),
            Column("month", values.month),
            _SEGMENT,
            Column("target_value", values.number),
            Column("owner", optional=True),
        ),
        key=("metric_id", "month", "segment_id"),
    ),
    Input(
        "seed_campaigns",
        "活动与预算",
        (
            Column("campaign_id", values.name),
            Column("name_zh"),
            Column("name_en", optional=True),
            Column("start_date", values.day),
            Column("end_date", values.day),
            Column("planned_cost_cny", values.money),
            Column("reserve_share", values.share),
            _SEGMENT,
            Column("owner", optional=True),
        ),
        key=("campaign_id",),
        rules=(ends_after_start, reserve_in_range),
    ),
    Input(
        "seed_campaign_costs",
        "活动支出",
        (
            Column("campaign_id", values.name, refers=("seed_campaigns", "campaign_id")),
            Column("cost_date", values.day),
            Column(
                "cost_item",
                choices=("creative", "coupon", "prize", "kol", "venue", "staff", "other"),
            ),
            Column("amount_cny", values.money),
            Column("note", optional=True),
        ),
        key=("campaign_id", "cost_date", "cost_item"),
    ),
    Input(
        "seed_content_purposes",
        "内容目的",
        (
            Column("rule_order", values.whole),
            Column("platform", choices=PLATFORMS),
            Column(
                "match_type",
                choices=("content_id", "title_equals", "title_contains", "title_starts_with"),
            ),
            Column("match_value"),
            Column("purpose", choices=("value", "promotion", "interaction", "brand")),
            Column("topic", optional=True),
        ),
        key=("rule_order",),
    ),
    Input(
        "seed_channel_mapping",
        "渠道映射",
        (
            Column("match_field", choices=("utm_source", "state")),
            Column("match_value"),
            Column("channel_id", values.name, refers=("seed_channels", "channel_id")),
            Column("note", optional=True),
        ),
        key=("match_field", "match_value"),
    ),
    Input(
        "seed_segment_budgets",
        "分层投入",
        (
            Column("month", values.month),
            _SEGMENT,
            Column("budget_cny", values.money),
            Column("staff_hours", values.number),
        ),
        key=("month", "segment_id"),
        rules=(every_segment_has_a_budget,),
    ),
    Input(
        "seed_experiments",
        "实验",
        (
            Column("experiment_id", values.name),
            Column("name_zh"),
            Column("variant_id", values.name),
            Column("is_control", values.flag),
            Column("traffic_share", values.share),
            Column("match_field", choices=("msgid", "utm_content", "page_id")),
            Column("match_value"),
            Column("metric_id", choices=EXPERIMENT_METRICS),
            Column("start_date", values.day),
            Column("end_date", values.day),
        ),
        key=("experiment_id", "variant_id"),
        rules=(ends_after_start, experiments_are_whole),
    ),
    Input(
        "seed_expected_days",
        "数据到达日历",
        (
            Column("source", values.name, refers=("", "source")),
            Column("day_kind", choices=DAY_KINDS),
            Column("is_expected", values.flag),
            Column("expected_by", values.clock, optional=True),
            Column("grace_hours", values.whole),
            Column("note", optional=True),
        ),
        key=("source", "day_kind"),
        rules=(every_kind_of_day,),
    ),
)
