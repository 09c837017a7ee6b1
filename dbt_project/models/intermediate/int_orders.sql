-- Grain: one row per order, tied to a person; amounts before and after full refunds.
{{ config(
    materialized='incremental',
    incremental_strategy='by_day',
    meta={'replaces': {'created_date': 'orders'}}
) }}

select
    order_id,
    coalesce(unionid, openid) as person_id,
    created_at,
    created_date,
    paid_at,
    paid_date,
    amount_cny,
    -- 200: cancelled after all items were refunded; the store reports no partial refund amount
    case when status_code = 200 then 0 else amount_cny end as net_amount_cny,
    status_code,
    case
        when order_scene = 2 or live_id is not null then 'live_stream'
        when order_scene = 3 then 'short_video'
        when order_scene = 6 then 'official_account'
        else 'organic'
    end as entry_channel_id
from {{ ref('stg_wechat_store__orders') }}
where {{ is_affected('created_date', 'orders') }}
