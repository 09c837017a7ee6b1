-- Grain: one row per account, group and snapshot day, as the day's newest pull saw it.
select
    _account as account,
    chat_id as group_id,
    case status
        when 0 then 'owner_active' when 1 then 'owner_left'
        when 2 then 'handing_over' when 3 then 'handed_over' else 'unknown'
    end as group_status,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'group_chat') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
