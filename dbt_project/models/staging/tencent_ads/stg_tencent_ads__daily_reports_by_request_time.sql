-- Grain: one row per account, adgroup, placement and business day, on the request clock.
with newest_pull as (
    -- a day is restated for days: its newest pull replaces it whole
    select *
    from {{ source('tencent_ads', 'daily_report_request_time') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    adgroup_id,
    adgroup_name,
    site_set,
    event_date as report_date,
    view_count as impressions,
    valid_click_count as clicks,
    {{ fen_to_cny('cost') }} as ad_cost_cny,
    conversions_count as conversions,
    scan_follow_user_count as scan_follows,
    _pulled_at as pulled_at
from newest_pull
