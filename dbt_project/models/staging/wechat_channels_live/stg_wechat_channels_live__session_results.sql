-- Grain: one row per account and live session: what it brought, to date. Refunds of a session go on
-- after the platform has stopped being asked: net figures come from stg_wechat_store__aftersales.
with newest_pull as (
    select *
    from {{ source('wechat_channels_live', 'live_dashboard') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    export_id as session_id,
    event_date as session_date,
    create_time as started_at,
    new_watch_uv as viewers,
    max_online_watch_uv as peak_viewers,
    impression_uv as impressed_persons,
    average_watch_seconds_per_audience as average_watch_seconds,
    new_follow_uv as new_followers,
    comment_uv as commenters,
    {{ fen_to_cny('total_gmv') }} as platform_gmv_cny,
    total_pay_pv as platform_orders,
    total_pay_uv as platform_payers,
    {{ fen_to_cny('refund_amount') }} as platform_refunded_cny,
    _pulled_at as pulled_at
from newest_pull
