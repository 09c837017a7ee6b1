-- Grain: one row per metric_id, period (day, week, month), period_start_date, dimension and
-- dimension_value. Days that are over only; a week or month may still be running.
with dimension_values as (
    -- the channels that a metric ever had a number for
    select distinct
        metric_id,
        dimension,
        dimension_value
    from {{ ref('int_metric_values') }}

    union

    select
        metric_id,
        'all' as dimension,
        'all' as dimension_value
    from {{ ref('seed_metrics') }}
),

spine as (
    select
        metrics.metric_id,
        metrics.is_ratio,
        days.period,
        days.period_start_date,
        dimension_values.dimension,
        dimension_values.dimension_value,
        -- a week of which some days are unknown is unknown: its ratio would divide different days
        bool_and(metric_days.is_covered) as is_covered,
        -- days of the period that are not over yet are neither final nor complete
        case any_value(days.period)
            when 'day' then 1
            when 'week' then 7
            else day(last_day(days.period_start_date))
        end as days_needed,
        count(*) filter (where metric_days.is_final) as final_days,
        count(metric_days.completeness) as known_days,
        sum(metric_days.completeness) as completeness_sum
    from {{ ref('int_business_days') }} as days
    inner join {{ ref('int_metric_days') }} as metric_days on days.date_day = metric_days.date_day
    inner join {{ ref('seed_metrics') }} as metrics on metric_days.metric_id = metrics.metric_id
    inner join dimension_values
        on
            metrics.metric_id = dimension_values.metric_id
            and metric_days.channel_id = dimension_values.dimension_value
    where list_contains(string_split(metrics.periods, '|'), days.period)
    group by
        metrics.metric_id,
        metrics.is_ratio,
        days.period,
        days.period_start_date,
        dimension_values.dimension,
        dimension_values.dimension_value
),

measured as (
    select
        spine.*,
        -- missing is not zero: a count is 0 only where its sources were asked
        case
            when spine.is_covered
                then coalesce(ours.numerator, case when not spine.is_ratio then 0 end)
        end as numerator,
        case when spine.is_covered then ours.denominator end as denominator
    from spine
    left join {{ ref('int_metric_values') }} as ours
        on
            spine.metric_id = ours.metric_id
            and spine.period = ours.period
            and spine.period_start_date = ours.period_start_date
            and spine.dimension = ours.dimension
            and spine.dimension_value = ours.dimension_value
)

select
    metric_id,
    period,
    period_start_date,
    dimension,
    dimension_value,
    cast(case
        when not is_ratio then numerator
        else {{ ratio('numerator', 'denominator') }}
    end as decimal(28, 8)) as value,
    numerator,
    denominator,
    final_days = days_needed as is_final,
    -- rounded: the last bits of a sum of floats depend on the order of its rows
    cast(
        round(case when known_days > 0 then completeness_sum / days_needed end, 6) as double
    ) as completeness,
    cast(null as decimal(28, 8)) as nowcast,
    cast(null as decimal(28, 8)) as nowcast_low,
    cast(null as decimal(28, 8)) as nowcast_high,
    {{ as_of() }} as as_of_at
from measured
