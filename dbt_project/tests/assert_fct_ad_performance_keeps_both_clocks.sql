-- no conversion is lost between staging and fact, and none changes its clock
with fact as (
    select
        platform,
        sum(conversions_event_clock) as event_clock,
        sum(conversions_billing_clock) as billing_clock
    from {{ ref('fct_ad_performance') }}
    group by platform
),

staging as (
    {% for platform in ['tencent_ads', 'oceanengine', 'kuaishou', 'baidu', 'juguang'] %}
        select
            '{{ platform }}' as platform,
            sum(conversions_event_clock) as event_clock,
            sum(conversions_billing_clock) as billing_clock
        from {{ ref('stg_' ~ platform ~ '__ad_daily') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    staging.platform,
    fact.event_clock,
    staging.event_clock as expected_event_clock,
    fact.billing_clock,
    staging.billing_clock as expected_billing_clock
from staging
left join fact on staging.platform = fact.platform
where
    fact.event_clock is distinct from staging.event_clock
    or fact.billing_clock is distinct from staging.billing_clock
