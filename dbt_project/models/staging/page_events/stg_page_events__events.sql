-- Grain: one row per tracked event, however often it was delivered.
with one_delivery as (
    -- event_date is the day of event_time, so a second delivery lies in the same partition
    select *
    from {{ source('page_events', 'page_event') }}
    qualify row_number() over (
        partition by event_date, event_id order by _pulled_at desc, _object desc
    ) = 1
)

select
    _account as account,
    event_id,
    event_type,
    event_time as occurred_at,
    event_date as occurred_date,
    visitor_id,
    unionid,
    page_id,
    page_url,
    nullif(utm_source, '') as utm_source,
    nullif(utm_medium, '') as utm_medium,
    nullif(utm_campaign, '') as utm_campaign,
    nullif(utm_content, '') as utm_content,
    device,
    dwell_seconds,
    _pulled_at as pulled_at
from one_delivery
