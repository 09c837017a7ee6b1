with fact as (
    select sum(interactions) as total from {{ ref('fct_engagement') }}
),

interactions as (
    select event_id from {{ ref('stg_page_events__events') }}
    where unionid is not null

    union all

    select order_id from {{ ref('stg_wechat_store__orders') }}
),

staging as (
    select count(*) as total from interactions
)

select
    fact.total,
    staging.total as expected
from fact
cross join staging
where coalesce(fact.total, 0) is distinct from staging.total
