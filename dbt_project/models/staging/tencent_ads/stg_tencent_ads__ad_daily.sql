-- Grain: one row per account, adgroup, placement and business day that either clock has.
-- v3 has no campaigns. Cost, impressions and clicks are the same on both clocks and come from one.
select
    account,
    cast(null as varchar) as campaign_id,
    cast(null as varchar) as campaign_name,
    adgroup_id,
    max(adgroup_name) as adgroup_name,
    site_set as placement,
    report_date,
    max(impressions) filter (where clock = 'request') as impressions,
    max(clicks) filter (where clock = 'request') as clicks,
    max(ad_cost_cny) filter (where clock = 'request') as ad_cost_cny,
    max(conversions) filter (where clock = 'reporting') as conversions_event_clock,
    max(conversions) filter (where clock = 'request') as conversions_billing_clock,
    max(scan_follows) filter (where clock = 'request') as wechat_adds_billing_clock,
    max(pulled_at) as pulled_at
-- a conversion may be reported on a day without exposure, and the reverse: no join would keep both
from {{ ref('stg_tencent_ads__daily_reports') }}
group by account, adgroup_id, site_set, report_date
