-- Grain: one row per account, group owner and business day.
with newest_pull as (
    select *
    from {{ source('wecom', 'group_statistic') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    owner as owner_staff_id,
    event_date as report_date,
    new_chat_cnt as new_groups,
    chat_total as groups,
    chat_has_msg as groups_with_messages,
    new_member_cnt as new_members,
    member_total as members,
    member_has_msg as members_who_spoke,
    msg_total as messages,
    _pulled_at as pulled_at
from newest_pull
