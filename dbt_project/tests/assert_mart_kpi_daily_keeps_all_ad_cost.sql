-- every day, week and month that has a value meets the fact over its days; one of which a platform
-- is missing has none, and is no reason to hold the others
with fact as (
    select
        days.period,
        days.period_start_date,
        sum(performance.ad_cost_cny) as total
    from {{ ref('fct_ad_performance') }} as performance
    inner join {{ ref('int_business_days') }} as days
        on performance.report_date = days.date_day
    group by days.period, days.period_start_date
)

select
    mart.period,
    mart.period_start_date,
    mart.value,
    fact.total as expected
from {{ ref('mart_kpi_daily') }} as mart
left join fact
    on
        mart.period = fact.period
        and mart.period_start_date = fact.period_start_date
where
    mart.metric_id = 'ad_cost'
    and mart.dimension = 'all'
    and mart.value is not null
    and mart.value is distinct from coalesce(fact.total, 0)
