-- every yuan of every platform's reports is in the fact; `is distinct from` because != lets nulls by
with fact as (
    select
        platform,
        sum(ad_cost_cny) as total
    from {{ ref('fct_ad_performance') }}
    group by platform
),

staging as (
    {% for platform in ['tencent_ads', 'oceanengine', 'kuaishou', 'baidu', 'juguang'] %}
        select
            '{{ platform }}' as platform,
            sum(ad_cost_cny) as total
        from {{ ref('stg_' ~ platform ~ '__ad_daily') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    staging.platform,
    fact.total,
    staging.total as expected
from staging
left join fact on staging.platform = fact.platform
where fact.total is distinct from staging.total
