-- Grain: one row per account and customer moment, under the business day of its creation.
with newest_pull as (
    -- a moment that was deleted is gone from the day's newest pull
    select *
    from {{ source('wecom', 'moment') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    moment_id,
    creator as creator_staff_id,
    case create_type when 0 then 'corp' when 1 then 'staff' else 'unknown' end as created_by,
    case visible_type when 0 then 'some' when 1 then 'all' else 'unknown' end as visible_to,
    create_time as created_at,
    event_date as created_date,
    content_hash,
    content_length,
    content_label,
    content_types,
    link_url,
    media_hash,
    _pulled_at as pulled_at
from newest_pull
