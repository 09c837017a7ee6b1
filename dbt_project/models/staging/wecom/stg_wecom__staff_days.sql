-- Grain: one row per account, staff member and business day.
with newest_pull as (
    -- a day may be revised: its newest pull replaces it whole
    select *
    from {{ source('wecom', 'user_behavior') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    userid as staff_id,
    event_date as report_date,
    -- null: the platform had not computed the day yet
    new_apply_cnt as friend_requests,
    new_contact_cnt as new_contacts,
    chat_cnt as chats,
    message_cnt as messages,
    negative_feedback_cnt as negative_feedbacks,
    reply_percentage / 100 as reply_rate,
    avg_reply_time * 60 as average_reply_seconds,
    _pulled_at as pulled_at
from newest_pull
