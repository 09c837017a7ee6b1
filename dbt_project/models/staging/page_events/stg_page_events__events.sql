-- Grain: one row per tracked event, however often it was delivered.
with one_delivery as (
    -- a second delivery lies in the same partition: both have the same day
    select *
    from {{ source('page_events', 'page_event') }}
    qualify row_number() over (
        partition by event_date, event_id order by _pulled_at desc, _object desc
    ) = 1
),

with_delivery as (
    select
        *,
        -- the last moment of the hour of delivery; unknown of files from before it was landed
        coalesce(
            _delivered_at + interval 1 hour - interval 1 microsecond, event_time
        ) as delivered_by
    from one_delivery
)

select
    _account as account,
    event_id,
    event_type,
    -- an event cannot have happened after its delivery: then the device's clock was ahead
    least(event_time, delivered_by) as occurred_at,
    event_date as occurred_date,
    event_time as reported_at,
    event_time > delivered_by as is_clock_ahead,
    _delivered_at as delivered_at,
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
from with_delivery
