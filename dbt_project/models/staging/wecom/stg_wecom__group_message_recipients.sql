-- Grain: one row per account, mass message, sender and recipient (a customer or a group).
with newest_pull as (
    select *
    from {{ source('wecom', 'group_message_recipient') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    msgid as message_id,
    userid as staff_id,
    case chat_type when 'single' then 'customer' when 'group' then 'group' end as recipient_type,
    case when chat_type = 'single' then recipient_id end as external_userid,
    case when chat_type = 'group' then recipient_id end as group_id,
    recipient_id,
    -- other codes than the task's: here 1 is sent
    case status
        when 0 then 'not_sent' when 1 then 'delivered' when 2 then 'not_a_friend'
        when 3 then 'over_limit' else 'unknown'
    end as delivery_status,
    status = 1 as is_delivered,
    send_time as sent_at,
    {{ business_date('send_time') }} as sent_date,
    event_date as created_date,
    _pulled_at as pulled_at
from newest_pull
