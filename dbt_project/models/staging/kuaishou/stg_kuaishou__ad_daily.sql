-- Grain: one row per account, unit and business day.
-- The platform's names mislead: `aclick` counts impressions of the material, `bclick` the actions.
with newest_pull as (
    {{ newest_pull_of('kuaishou', 'unit_report') }}
)

select
    _account as account,
    campaign_id,
    campaign_name,
    unit_id as adgroup_id,
    unit_name as adgroup_name,
    cast(null as varchar) as placement,
    event_date as report_date,
    aclick as impressions,
    bclick as clicks,
    {{ to_cny('charge') }} as ad_cost_cny,
    conversion_num as conversions_event_clock,
    conversion_num_by_impression_7d as conversions_billing_clock,
    -- friends added are given on the clock of the report-back alone
    cast(null as bigint) as wechat_adds_billing_clock,
    event_wechat_connected as wechat_adds_event_clock,
    event_add_wechat as wechat_copies,
    -- a keyword to the engine, though not to the linter
    "show" as cover_impressions,  -- noqa: RF06
    photo_click as cover_clicks,
    form_count as forms,
    event_valid_clues as valid_leads,
    _pulled_at as pulled_at
from newest_pull
