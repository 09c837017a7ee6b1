-- Grain: one row per account, ad group and business day.
-- Conversions are on the day of the click unless their name begins with `ct`.
-- The platform writes its names in camel case, and so does the landing.
-- noqa: disable=CP02
with newest_pull as (
    {{ newest_pull_of('baidu', 'adgroup_report') }}
)

select
    _account as account,
    campaignId as campaign_id,
    campaignName as campaign_name,
    adGroupId as adgroup_id,
    cast(null as varchar) as adgroup_name,
    cast(null as varchar) as placement,
    event_date as report_date,
    impression as impressions,
    click as clicks,
    {{ to_cny('cost') }} as ad_cost_cny,
    ctOCPCConversions as conversions_event_clock,
    ocpcConversions as conversions_billing_clock,
    ocpcConversionsDetail79 as wechat_adds_billing_clock,
    deepOCPCConversions as deep_conversions_billing_clock,
    _pulled_at as pulled_at
from newest_pull
