"""Facts and marts as the gates know them: grain, rates, and totals that two tables must share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One table: the columns that name a row, and those that must lie within 0 and 1."""

    schema: str
    name: str
    key: tuple[str, ...]
    rates: tuple[str, ...] = ()
    has_as_of: bool = True
    may_be_empty: bool = False


FACTS = (
    Table(
        "facts",
        "fct_ad_performance",
        ("platform", "account", "ad_object_id", "channel_id", "report_date"),
        has_as_of=False,
    ),
    Table("facts", "fct_conversion", ("conversion_id",), has_as_of=False),
    Table(
        "facts",
        "fct_engagement",
        ("person_id", "activity_date", "touchpoint_type", "channel_id"),
        has_as_of=False,
    ),
    # a cohort needs a day to age
    Table(
        "facts",
        "fct_retention",
        ("cohort_date", "channel_id", "age_days"),
        has_as_of=False,
        may_be_empty=True,
    ),
)

MARTS = (
    Table(
        "marts",
        "mart_kpi_daily",
        ("metric_id", "period", "period_start_date", "dimension", "dimension_value"),
        ("completeness",),
    ),
    Table(
        "marts",
        "mart_engagement_daily",
        ("activity_date", "channel_id"),
        ("stickiness_rate", "completeness"),
    ),
    Table("marts", "mart_funnel_daily", ("conversion_date", "channel_id"), ("completeness",)),
    Table(
        "marts",
        "mart_retention_cohort",
        ("cohort_date", "channel_id", "age_days"),
        ("retention_rate", "completeness"),
        may_be_empty=True,
    ),
    Table("marts", "mart_channel_roi", ("report_date", "channel_id"), ("completeness",)),
    Table("marts", "mart_data_freshness", ("source", "account", "stream", "measure", "channel_id")),
    # nothing is learnt in the first days
    Table(
        "marts",
        "mart_arrival_curve",
        ("source", "stream", "measure", "channel_id", "delay_days"),
        may_be_empty=True,
    ),
)

# marts show whole days since the first landed one; facts also hold this morning and, as adds, the
# customers who were there before
SHOWN_DAYS = (
    "conversion_date between (select min(conversion_date) from marts.mart_funnel_daily) "
    "and (select max(conversion_date) from marts.mart_funnel_daily)"
)
# gate -> (name of the rule, one total, the other), as scalar queries on the working database
KEPT_TOTALS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "fact": (
        (
            "fct_ad_performance.ad_cost_cny",
            "select sum(ad_cost_cny) from facts.fct_ad_performance",
            "select sum(ad_cost_cny) from intermediate.int_ad_daily_performance",
        ),
    ),
    "mart": (
        (
            "mart_channel_roi.ad_cost_cny",
            "select sum(ad_cost_cny) from marts.mart_channel_roi where channel_id = 'all'",
            "select sum(ad_cost_cny) from facts.fct_ad_performance",
        ),
        (
            "mart_funnel_daily.gmv_cny",
            "select sum(gmv_cny) from marts.mart_funnel_daily where channel_id = 'all'",
            f"select sum(amount_cny) from facts.fct_conversion where {SHOWN_DAYS}",  # noqa: S608 - ours
        ),
        (
            "mart_funnel_daily.new_customers",
            "select sum(new_customers) from marts.mart_funnel_daily where channel_id = 'all'",
            "select count(*) from facts.fct_conversion "  # noqa: S608 - ours
            f"where conversion_type = 'add' and {SHOWN_DAYS}",
        ),
    ),
}
