with fact as (
    select sum(interactions) as total from {{ ref('fct_engagement') }}
),

staging as (
    select
        (select count(*) from {{ ref('stg_page_events__events') }} where unionid is not null)
        + (select count(*) from {{ ref('stg_wechat_store__orders') }}) as total
)

select fact.total, staging.total as expected
from fact
cross join staging
where coalesce(fact.total, 0) is distinct from staging.total
