-- Grain: one row per account, video and business day; counts are those of the day.
with newest_pull as (
    select *
    from {{ source('douyin', 'video_daily') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    item_id,
    event_date as report_date,
    -- null: the platform has not computed it yet
    play as plays,
    "like" as likes,
    comment as comments,
    share as shares,
    _pulled_at as pulled_at
from newest_pull
