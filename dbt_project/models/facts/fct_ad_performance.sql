-- Grain: one row per ad account, adgroup, channel and business day.
-- Two clocks, never mixed: by request time a conversion belongs to the day of the exposure (and
-- grows for 30 days), by reporting time to the day it happened.
{{ config(meta={'replaces': {'report_date': 'ads'}}) }}

with by_request as (
    select *
    from {{ ref('stg_tencent_ads__daily_reports_by_request_time') }}
    where {{ is_affected('report_date', 'ads') }}
),

by_reporting as (
    select *
    from {{ ref('stg_tencent_ads__daily_reports_by_reporting_time') }}
    where {{ is_affected('report_date', 'ads') }}
),

joined as (
    select
        coalesce(by_request.account, by_reporting.account) as account,
        coalesce(by_request.adgroup_id, by_reporting.adgroup_id) as adgroup_id,
        coalesce(by_request.adgroup_name, by_reporting.adgroup_name) as adgroup_name,
        coalesce(by_request.site_set, by_reporting.site_set) as site_set,
        coalesce(by_request.report_date, by_reporting.report_date) as report_date,
        by_request.ad_cost_cny,
        by_request.impressions,
        by_request.clicks,
        by_request.conversions as conversions_by_request_time,
        by_reporting.conversions as conversions_by_reporting_time,
        by_request.scan_follows as scan_follows_by_request_time
    from by_request
    -- full: a conversion may be reported on a day without exposure, and the reverse
    full join by_reporting
        on
            by_request.account = by_reporting.account
            and by_request.adgroup_id = by_reporting.adgroup_id
            and by_request.site_set = by_reporting.site_set
            and by_request.report_date = by_reporting.report_date
)

select
    'tencent_ads' as platform,
    joined.account,
    joined.adgroup_id,
    coalesce(channels.channel_id, 'unknown') as channel_id,
    joined.report_date,
    max(joined.adgroup_name) as adgroup_name,
    cast(sum(joined.ad_cost_cny) as decimal(18, 2)) as ad_cost_cny,
    cast(sum(joined.impressions) as bigint) as impressions,
    cast(sum(joined.clicks) as bigint) as clicks,
    cast(sum(joined.conversions_by_request_time) as bigint) as conversions_by_request_time,
    cast(sum(joined.conversions_by_reporting_time) as bigint) as conversions_by_reporting_time,
    cast(sum(joined.scan_follows_by_request_time) as bigint) as scan_follows_by_request_time
from joined
left join {{ ref('dim_channel') }} as channels on joined.site_set = channels.site_set
group by
    joined.account, joined.adgroup_id, coalesce(channels.channel_id, 'unknown'), joined.report_date
