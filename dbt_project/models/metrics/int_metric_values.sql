-- Grain: one row per metric, period, dimension and its value that has any data; ratios keep both
-- counts so that no period's ratio is ever an average of ratios.
{% set keys = 'period, period_start_date, dimension, dimension_value' %}
{% set ours = 'ours.period, ours.period_start_date, ours.dimension, ours.dimension_value' %}
{% set engagement = {
    'dau': ['active_customers', none],
    'interactions_per_active': ['interactions', 'active_customers'],
} %}
{% set conversions = {
    'new_customers': ['new_customers', none],
    'gmv': ['gmv_cny', none],
    'paying_customers': ['paying_customers', none],
    'average_order_value': ['gmv_cny', 'paid_orders'],
    'lead_rate': ['new_customers_with_lead', 'new_customers'],
    'deal_rate': ['lead_customers_with_order', 'lead_customers'],
} %}
{% set ads = {
    'ad_cost': ['ad_cost_cny', none],
    'impressions': ['impressions', none],
    'clicks': ['clicks', none],
    'ctr': ['clicks', 'impressions'],
    'cpc': ['ad_cost_cny', 'clicks'],
    'platform_conversions': ['conversions_billing_clock', none],
} %}
{% set groups = [
    ['int_engagement_by_period', engagement],
    ['int_conversions_by_period', conversions],
    ['int_ads_by_period', ads],
] %}

with long as (
    {% for model, metrics in groups %}
        {% for metric_id, measures in metrics.items() %}
            select
                '{{ metric_id }}' as metric_id,
                {{ keys }},
                cast({{ measures[0] }} as decimal(28, 8)) as numerator,
                cast({{ measures[1] or 'null' }} as decimal(28, 8)) as denominator
            from {{ ref(model) }}
            union all
        {% endfor %}
    {% endfor %}

    select
        'organic_share' as metric_id,
        {{ keys }},
        organic_new_customers as numerator,
        new_customers as denominator
    from {{ ref('int_conversions_by_period') }}
    where dimension = 'all'

    union all

    -- trailing windows belong to a day; over an ISO week or a month they are that period's count
    select
        'wau' as metric_id,
        {{ keys }},
        case period when 'day' then active_customers_7_days else active_customers end as numerator,
        null as denominator
    from {{ ref('int_engagement_by_period') }}
    where period in ('day', 'week')

    union all

    select
        'mau' as metric_id,
        {{ keys }},
        case period when 'day' then active_customers_30_days else active_customers end as numerator,
        null as denominator
    from {{ ref('int_engagement_by_period') }}
    where period in ('day', 'month')

    union all

    -- over a period: average dau by average mau, from the daily counts
    select
        'stickiness' as metric_id,
        days.period,
        days.period_start_date,
        ours.dimension,
        ours.dimension_value,
        sum(ours.active_customers) as numerator,
        sum(ours.active_customers_30_days) as denominator
    from {{ ref('int_engagement_by_period') }} as ours
    inner join {{ ref('int_business_days') }} as days on ours.period_start_date = days.date_day
    where ours.period = 'day'
    group by days.period, days.period_start_date, ours.dimension, ours.dimension_value

    union all

    select
        'cost_per_lead' as metric_id,
        {{ ours }},
        ours.ad_cost_cny as numerator,
        coalesce(theirs.advertised_lead_customers, 0) as denominator
    from {{ ref('int_ads_by_period') }} as ours
    left join {{ ref('int_conversions_by_period') }} as theirs using ({{ keys }})

    union all

    select
        'cac' as metric_id,
        {{ ours }},
        ours.ad_cost_cny as numerator,
        coalesce(theirs.advertised_new_customers, 0) as denominator
    from {{ ref('int_ads_by_period') }} as ours
    left join {{ ref('int_conversions_by_period') }} as theirs using ({{ keys }})

    union all

    select
        'roi' as metric_id,
        {{ ours }},
        coalesce(theirs.advertised_net_gmv_cny, 0) - ours.ad_cost_cny as numerator,
        ours.ad_cost_cny as denominator
    from {{ ref('int_ads_by_period') }} as ours
    left join {{ ref('int_conversions_by_period') }} as theirs using ({{ keys }})

    union all

    select
        'retention_d' || age_days as metric_id,
        {{ keys }},
        retained_customers as numerator,
        cohort_customers as denominator
    from {{ ref('int_retention_by_period') }}
)

select
    metric_id,
    {{ keys }},
    cast(numerator as decimal(28, 8)) as numerator,
    cast(denominator as decimal(28, 8)) as denominator
from long
