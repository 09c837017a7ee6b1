-- Grain: one row per account and live session.
with newest_pull as (
    select *
    from {{ source('wechat_channels_live', 'live_session') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    export_id as session_id,
    event_date as session_date,
    create_time as started_at,
    _pulled_at as pulled_at
from newest_pull
