-- Grain: one row per account, tag and snapshot day, as the day's newest pull saw it. A tag that
-- was deleted has one last row with is_deleted.
select
    _account as account,
    tag_id,
    tag_name,
    group_id as tag_group_id,
    group_name as tag_group_name,
    coalesce(deleted, false) as is_deleted,
    create_time as created_at,
    "order" as sort_order,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'corp_tag') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
