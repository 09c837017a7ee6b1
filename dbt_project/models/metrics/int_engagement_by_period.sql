-- Grain: one row per period (day, ISO week, month), dimension (all, channel) and its value.
-- Distinct persons are counted anew for each period: daily counts do not add up to weekly ones.
{{ config(
    materialized='incremental',
    incremental_strategy='by_day',
    meta={'replaces': {'period_id': 'engagement_periods'}}
) }}

with periods as (
    select distinct
        period || ' ' || period_start_date as period_id,
        period,
        period_start_date
    from {{ ref('int_business_days') }}
    where {{ is_affected("period || ' ' || period_start_date", 'engagement_periods') }}
),

-- the days that each count looks at; only days that are over
windows as (
    select
        period_id,
        period,
        period_start_date,
        'active' as counted,
        period_start_date as first_date,
        cast(case period
            when 'day' then period_start_date
            when 'week' then period_start_date + 6
            else last_day(period_start_date)
        end as date) as last_date
    from periods

    union all

    select
        periods.period_id,
        periods.period,
        periods.period_start_date,
        spans.counted,
        periods.period_start_date - spans.days + 1 as first_date,
        periods.period_start_date as last_date
    from periods
    cross join (values ('trailing_7', 7), ('trailing_30', 30)) as spans (counted, days)
    where periods.period = 'day'
),

person_days as (
    select
        person_id,
        activity_date,
        channel_id,
        sum(interactions) as interactions
    from {{ ref('fct_engagement') }}
    where activity_date < {{ as_of_date() }}
    group by all
),

counted as (
    select
        windows.period_id,
        windows.period,
        windows.period_start_date,
        windows.counted,
        case when grouping(person_days.channel_id) = 1 then 'all' else 'channel' end as dimension,
        coalesce(person_days.channel_id, 'all') as dimension_value,
        count(distinct person_days.person_id) as persons,
        sum(person_days.interactions) as interactions
    from windows
    inner join person_days
        on person_days.activity_date between windows.first_date and windows.last_date
    group by grouping sets (
        (
            windows.period_id, windows.period, windows.period_start_date, windows.counted
        ),
        (
            windows.period_id, windows.period, windows.period_start_date, windows.counted,
            person_days.channel_id
        )
    )
)

select
    period_id,
    period,
    period_start_date,
    dimension,
    dimension_value,
    coalesce(any_value(persons) filter (where counted = 'active'), 0) as active_customers,
    coalesce(any_value(interactions) filter (where counted = 'active'), 0) as interactions,
    any_value(persons) filter (where counted = 'trailing_7') as active_customers_7_days,
    any_value(persons) filter (where counted = 'trailing_30') as active_customers_30_days
from counted
group by period_id, period, period_start_date, dimension, dimension_value
