-- Grain: one row per step of the funnel: first add of a person, lead, booking, redemption, paid order.
{{ config(meta={'replaces': {'conversion_date': 'conversions'}}) }}

with steps as (
    select
        'add:' || person_id as conversion_id,
        'add' as conversion_type,
        person_id,
        true as is_identified,
        first_added_at as converted_at,
        first_added_date as conversion_date,
        channel_id as own_channel_id,
        cast(null as decimal(18, 2)) as amount_cny,
        cast(null as decimal(18, 2)) as net_amount_cny
    from {{ ref('dim_customer') }}

    union all

    select
        event_type || ':' || event_id as conversion_id,
        case event_type when 'lead_form' then 'lead' else event_type end as conversion_type,
        person_id,
        is_identified,
        occurred_at as converted_at,
        occurred_date as conversion_date,
        case when has_own_channel then channel_id end as own_channel_id,
        cast(null as decimal(18, 2)) as amount_cny,
        cast(null as decimal(18, 2)) as net_amount_cny
    from {{ ref('int_page_events') }}
    where event_type in ('lead_form', 'booking', 'redemption')

    union all

    select
        'paid_order:' || order_id as conversion_id,
        'paid_order' as conversion_type,
        person_id,
        true as is_identified,
        paid_at as converted_at,
        paid_date as conversion_date,
        cast(null as varchar) as own_channel_id,
        amount_cny,
        net_amount_cny
    from {{ ref('int_orders') }}
    where paid_at is not null
),

affected as (
    select *
    from steps
    where {{ is_affected('conversion_date', 'conversions') }}
),

touches as (
    select *
    from {{ ref('int_touches') }}
    where {{ is_affected_or_before('touch_date', 'conversions', var('attribution_days') ~ ' + 1') }}
)

select
    affected.conversion_id,
    affected.conversion_type,
    affected.person_id,
    affected.is_identified,
    affected.converted_at,
    affected.conversion_date,
    case
        when affected.own_channel_id is not null then affected.own_channel_id
        when
            touches.touched_at
            >= affected.converted_at - interval {{ var('attribution_days') }} day
            then touches.channel_id
        else 'organic'
    end as channel_id,
    case
        when affected.own_channel_id is not null then 'own'
        when
            touches.touched_at
            >= affected.converted_at - interval {{ var('attribution_days') }} day
            then 'last_touch'
        else 'none'
    end as attributed_by,
    affected.amount_cny,
    affected.net_amount_cny
from affected
asof left join touches
    on affected.person_id = touches.person_id and affected.converted_at >= touches.touched_at
