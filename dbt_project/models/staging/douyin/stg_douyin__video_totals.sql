-- Grain: one row per account, video and snapshot day: rolling totals of the last 30 days, computed
-- anew each day. They are no series: snapshots are never added.
select
    _account as account,
    item_id,
    total_play as plays_30d,
    total_like as likes_30d,
    total_comment as comments_30d,
    total_share as shares_30d,
    avg_play_duration as average_watch_seconds,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('douyin', 'video_base') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
