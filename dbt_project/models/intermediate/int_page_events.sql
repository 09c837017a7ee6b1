-- Grain: one row per tracked event, tied to a person where the page knew one, with its channel.
{{ config(
    materialized='incremental',
    incremental_strategy='by_day',
    meta={'replaces': {'occurred_date': 'page_events'}}
) }}

select
    events.event_id,
    events.event_type,
    events.occurred_at,
    events.occurred_date,
    -- an unknown visitor is still somebody who may leave a lead, but no known customer
    coalesce(events.unionid, events.visitor_id) as person_id,
    events.unionid is not null as is_identified,
    case
        when events.utm_source is null then 'organic'
        else coalesce(channels.channel_id, 'unknown')
    end as channel_id,
    events.utm_source is not null as has_own_channel,
    events.utm_campaign,
    events.utm_content,
    events.page_id,
    events.dwell_seconds
from {{ ref('stg_page_events__events') }} as events
left join {{ ref('dim_channel') }} as channels on events.utm_source = channels.channel_id
where {{ is_affected('events.occurred_date', 'page_events') }}
