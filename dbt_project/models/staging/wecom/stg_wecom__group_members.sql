-- Grain: one row per account, group, member and snapshot day, as the day's newest pull saw it.
-- Who left is in no later snapshot; there is no time of leaving.
select
    _account as account,
    chat_id as group_id,
    group_name,
    owner as owner_staff_id,
    group_create_time as group_created_at,
    member_id,
    case member_type when 1 then 'staff' when 2 then 'customer' else 'unknown' end as member_type,
    is_admin,
    unionid,
    join_time as joined_at,
    {{ business_date('join_time') }} as joined_date,
    case join_scene
        when 1 then 'invited' when 2 then 'invited_by_link' when 3 then 'qr_code' else 'unknown'
    end as join_scene,
    invitor_id as inviter_id,
    inviter_unionid,
    nullif(state, '') as join_state,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'group_member') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
