-- days, weeks and months of a sum meet the fact over the same days
with mart as (
    select
        period,
        sum(value) as total
    from {{ ref('mart_kpi_daily') }}
    where metric_id = 'ad_cost' and dimension = 'all'
    group by period
),

fact as (
    select sum(ad_cost_cny) as total
    from {{ ref('fct_ad_performance') }}
    where report_date < {{ as_of_date() }}
)

select
    mart.period,
    mart.total,
    fact.total as expected
from mart
cross join fact
where coalesce(mart.total, 0) is distinct from coalesce(fact.total, 0)
