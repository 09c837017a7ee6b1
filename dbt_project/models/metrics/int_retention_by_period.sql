-- Grain: one row per period (day, ISO week, month), dimension (all, channel), its value and age.
-- Only cohorts whose day of that age is over count, in numerator and denominator alike.
select
    days.period,
    days.period_start_date,
    case when grouping(retention.channel_id) = 1 then 'all' else 'channel' end as dimension,
    coalesce(retention.channel_id, 'all') as dimension_value,
    retention.age_days,
    sum(retention.retained_customers) as retained_customers,
    sum(retention.cohort_customers) as cohort_customers
from {{ ref('fct_retention') }} as retention
inner join {{ ref('int_business_days') }} as days on retention.cohort_date = days.date_day
where retention.age_days in (1, 3, 7, 14, 30, 60) and retention.retained_customers is not null
group by grouping sets (
    (days.period, days.period_start_date, retention.age_days),
    (days.period, days.period_start_date, retention.age_days, retention.channel_id)
)
