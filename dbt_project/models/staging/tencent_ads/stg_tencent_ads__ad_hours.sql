-- Grain: one row per account, adgroup, business day and hour (0..23), on the reporting clock.
with newest_pull as (
    {{ newest_pull_of('tencent_ads', 'hourly_report') }}
)

select
    _account as account,
    adgroup_id,
    adgroup_name,
    event_date as report_date,
    hour as hour_of_day,
    view_count as impressions,
    valid_click_count as clicks,
    {{ fen_to_cny('cost') }} as ad_cost_cny,
    conversions_count as conversions_event_clock,
    _pulled_at as pulled_at
from newest_pull
