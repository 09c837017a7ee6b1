-- Grain: one row per period (day, ISO week, month), dimension (all, channel) and its value.
select
    days.period,
    days.period_start_date,
    case when grouping(ads.channel_id) = 1 then 'all' else 'channel' end as dimension,
    coalesce(ads.channel_id, 'all') as dimension_value,
    sum(ads.ad_cost_cny) as ad_cost_cny,
    sum(ads.impressions) as impressions,
    sum(ads.clicks) as clicks,
    sum(ads.conversions_event_clock) as conversions_event_clock,
    sum(ads.conversions_billing_clock) as conversions_billing_clock
from {{ ref('fct_ad_performance') }} as ads
inner join {{ ref('int_business_days') }} as days on ads.report_date = days.date_day
group by grouping sets (
    (days.period, days.period_start_date),
    (days.period, days.period_start_date, ads.channel_id)
)
