-- Grain: one row per account and mass message, under the business day of its creation.
with newest_pull as (
    -- a day is read again for a week: its newest pull replaces it whole
    select *
    from {{ source('wecom', 'group_message') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    msgid as message_id,
    case chat_type when 'single' then 'customers' when 'group' then 'groups' end as audience,
    creator as creator_staff_id,
    case create_type when 0 then 'corp' when 1 then 'staff' else 'unknown' end as created_by,
    create_time as created_at,
    event_date as created_date,
    content_hash,
    content_length,
    content_label,
    attachment_types,
    link_urls,
    media_hash,
    _pulled_at as pulled_at
from newest_pull
