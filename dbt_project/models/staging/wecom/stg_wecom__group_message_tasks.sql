-- Grain: one row per account, mass message and staff member who was to send it.
with newest_pull as (
    select *
    from {{ source('wecom', 'group_message_task') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    msgid as message_id,
    case chat_type when 'single' then 'customers' when 'group' then 'groups' end as audience,
    userid as staff_id,
    -- 2 is sent; older answers have 1, which a time of sending has to confirm
    status = 2 or (status <> 0 and send_time is not null) as is_sent,
    send_time as sent_at,
    event_date as created_date,
    _pulled_at as pulled_at
from newest_pull
