-- Grain: one row per account, video and snapshot day. Counts are to date: difference two snapshots
-- (a later step), never add them; a count can go down.
select
    _account as account,
    item_id,
    video_id,
    title,
    create_time as published_at,
    {{ business_date('create_time') }} as published_date,
    case media_type when 2 then 'pictures' when 4 then 'video' else 'unknown' end as media_type,
    video_status as status_code,
    is_top,
    share_url,
    play_count as plays,
    digg_count as likes,
    comment_count as comments,
    share_count as shares,
    download_count as downloads,
    forward_count as forwards,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('douyin', 'video') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
