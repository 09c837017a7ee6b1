-- Grain: one row per account, business day and type of message that users sent to the account.
with newest_pull as (
    select *
    from {{ source('wechat_oa', 'upstream_message') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    event_date as report_date,
    case msg_type
        when 1 then 'text' when 2 then 'image' when 3 then 'voice' when 4 then 'video'
        when 6 then 'link' else 'unknown'
    end as message_type,
    msg_type as message_type_code,
    msg_user as senders,
    msg_count as messages,
    _pulled_at as pulled_at
from newest_pull
