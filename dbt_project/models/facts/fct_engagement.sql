-- Grain: one row per person, business day, touchpoint type and channel of the touchpoint.
-- Inbound interactions only: receiving a push is not activity.
{{ config(meta={'replaces': {'activity_date': 'engagement'}}) }}

with interactions as (
    select
        person_id,
        occurred_date as activity_date,
        case event_type when 'lead_form' then 'lead' else event_type end as touchpoint_type,
        channel_id,
        occurred_at as happened_at
    from {{ ref('int_page_events') }}
    where is_identified and {{ is_affected('occurred_date', 'engagement') }}

    union all

    select
        person_id,
        created_date as activity_date,
        'order' as touchpoint_type,
        entry_channel_id as channel_id,
        created_at as happened_at
    from {{ ref('int_orders') }}
    where {{ is_affected('created_date', 'engagement') }}
)

select
    person_id,
    activity_date,
    touchpoint_type,
    channel_id,
    count(*) as interactions,
    min(happened_at) as first_at,
    max(happened_at) as last_at
from interactions
group by person_id, activity_date, touchpoint_type, channel_id
