-- Grain: one row per platform, ad account, ad object (the finest that the platform reports), channel
-- and business day.
-- Two clocks, never mixed: on the billing clock a conversion belongs to the day of the exposure or
-- click that was paid for (and grows for 7 to 30 days), on the event clock to the day it happened.
{{ config(meta={'replaces': {'report_date': 'ads'}}) }}

select
    platform,
    account,
    campaign_id,
    adgroup_id,
    ad_object_id,
    channel_id,
    report_date,
    max(campaign_name) as campaign_name,
    max(adgroup_name) as adgroup_name,
    cast(sum(ad_cost_cny) as decimal(18, 4)) as ad_cost_cny,
    cast(sum(impressions) as bigint) as impressions,
    cast(sum(clicks) as bigint) as clicks,
    cast(sum(conversions_event_clock) as bigint) as conversions_event_clock,
    cast(sum(conversions_billing_clock) as bigint) as conversions_billing_clock,
    cast(sum(wechat_adds_billing_clock) as bigint) as wechat_adds_billing_clock
from {{ ref('int_ad_daily_performance') }}
where {{ is_affected('report_date', 'ads') }}
group by platform, account, campaign_id, adgroup_id, ad_object_id, channel_id, report_date
