-- Grain: one row per cohort day (first add), channel of acquisition ('all' = total) and age in days.
with cohorts as (
    select
        cohort_date,
        coalesce(channel_id, 'all') as channel_id,
        age_days,
        activity_date,
        sum(cohort_customers) as cohort_customers,
        -- null until the day is over, for every channel alike
        sum(retained_customers) as retained_customers
    from {{ ref('fct_retention') }}
    group by grouping sets (
        (cohort_date, age_days, activity_date, channel_id),
        (cohort_date, age_days, activity_date)
    )
),

activity as (
    select
        date_day,
        channel_id,
        is_final,
        completeness
    from {{ ref('int_metric_days') }}
    where metric_id = 'dau' and channel_id = 'all'
),

adds as (
    select
        date_day,
        is_final
    from {{ ref('int_metric_days') }}
    where metric_id = 'new_customers' and channel_id = 'all'
)

select
    cohorts.cohort_date,
    cohorts.channel_id,
    cohorts.age_days,
    cohorts.activity_date,
    cast(cohorts.cohort_customers as bigint) as cohort_customers,
    cast(cohorts.retained_customers as bigint) as retained_customers,
    {{ ratio('cohorts.retained_customers', 'cohorts.cohort_customers') }} as retention_rate,
    coalesce(activity.is_final and adds.is_final, false) as is_final,
    cast(activity.completeness as double) as completeness,
    {{ as_of() }} as as_of_at
from cohorts
-- what a cohort did on a day may come through any channel, so the day's total decides
left join activity on cohorts.activity_date = activity.date_day
left join adds on cohorts.cohort_date = adds.date_day
