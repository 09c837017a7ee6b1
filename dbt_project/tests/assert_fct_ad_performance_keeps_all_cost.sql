-- every fen of the request-clock reports is in the fact; `is distinct from` because != lets nulls by
with fact as (
    select sum(ad_cost_cny) as total from {{ ref('fct_ad_performance') }}
),

staging as (
    select sum(ad_cost_cny) as total
    from {{ ref('stg_tencent_ads__daily_reports_by_request_time') }}
)

select
    fact.total,
    staging.total as expected
from fact
cross join staging
where fact.total is distinct from staging.total
