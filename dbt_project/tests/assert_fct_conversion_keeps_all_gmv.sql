with fact as (
    select sum(amount_cny) as total from {{ ref('fct_conversion') }}
),

staging as (
    select sum(amount_cny) as total
    from {{ ref('stg_wechat_store__orders') }}
    where paid_at is not null
)

select
    fact.total,
    staging.total as expected
from fact
cross join staging
where fact.total is distinct from staging.total
