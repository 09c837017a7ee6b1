-- Grain: one row per person and moment at which a channel reached the person.
{{ config(materialized='view') }}

with touches as (
    select
        person_id,
        occurred_at as touched_at,
        occurred_date as touch_date,
        channel_id
    from {{ ref('int_page_events') }}
    where event_type in ('page_view', 'link_click') and has_own_channel

    union all

    select
        person_id,
        first_added_at as touched_at,
        first_added_date as touch_date,
        channel_id
    from {{ ref('dim_customer') }}
)

select
    person_id,
    touched_at,
    touch_date,
    -- two touches at the same microsecond: any rule will do, as long as it is always the same
    min(channel_id) as channel_id
from touches
group by all
