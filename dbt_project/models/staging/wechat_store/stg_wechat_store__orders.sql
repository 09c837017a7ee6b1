-- Grain: one row per order, in its newest version.
with newest_version as (
    -- event_date is the day of creation, so an order never leaves its partition
    select *
    from {{ source('wechat_store', 'order') }}
    qualify row_number() over (
        partition by event_date, order_id order by update_time desc, _pulled_at desc
    ) = 1
)

select
    _account as account,
    order_id,
    status as status_code,
    openid,
    unionid,
    create_time as created_at,
    event_date as created_date,
    pay_time as paid_at,
    {{ business_date('pay_time') }} as paid_date,
    update_time as updated_at,
    {{ fen_to_cny('order_price') }} as amount_cny,
    {{ fen_to_cny('product_price') }} as product_amount_cny,
    {{ fen_to_cny('freight') }} as freight_cny,
    {{ fen_to_cny('discounted_price') }} as discount_cny,
    order_scene,
    live_id,
    on_aftersale_order_cnt as open_aftersales,
    _pulled_at as pulled_at
from newest_version
