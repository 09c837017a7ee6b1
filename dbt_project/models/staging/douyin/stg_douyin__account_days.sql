-- Grain: one row per account and business day. fans and videos are stocks at its end.
with newest_pull as (
    select *
    from {{ source('douyin', 'account_daily') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    event_date as report_date,
    total_fans as fans,
    -- may be negative
    new_fans as net_new_fans,
    total_issue as videos,
    new_issue as new_videos,
    new_play as plays,
    new_like as likes,
    new_comment as comments,
    new_share as shares,
    profile_uv as profile_visitors,
    _pulled_at as pulled_at
from newest_pull
