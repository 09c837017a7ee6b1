-- Grain: one row per account and pushed event, each once however often it was pushed.
select
    _account as account,
    event_key,
    event as event_type,
    change_type,
    create_time as happened_at,
    event_date as happened_date,
    userid as staff_id,
    external_userid,
    -- a customer deleted the staff member: in no list, and the only sign of it
    event = 'change_external_contact' and change_type = 'del_follow_user' as is_lost_by_customer,
    -- the staff member deleted the customer; by a hand-over, the customer is not lost
    event = 'change_external_contact' and change_type = 'del_external_contact'
    and coalesce(source, '') <> 'DELETE_BY_TRANSFER' as is_removed_by_staff,
    nullif(state, '') as add_state,
    source as deletion_source,
    fail_reason,
    chat_id as group_id,
    update_detail as group_change,
    -- other codes than a member list's
    case join_scene when 0 then 'invited' when 3 then 'qr_code' end as join_scene,
    case quit_scene when 0 then 'left' when 1 then 'removed' end as quit_scene,
    mem_change_cnt as members_changed,
    mem_change_ids as member_ids,
    nullif(tag_id, '') as tag_id,
    tag_type,
    received_at,
    _pulled_at as pulled_at
from {{ source('wecom', 'callback_event') }}
qualify row_number() over (partition by _account, event_key order by _pulled_at) = 1
