-- Grain: one row per account and business day, by the platform's own count (compass). Beside the
-- orders, to compare: never added to them.
with newest_pull as (
    select *
    from {{ source('wechat_store', 'compass_shop_overall') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    event_date as report_date,
    {{ fen_to_cny('pay_gmv') }} as platform_gmv_cny,
    {{ fen_to_cny('live_pay_gmv') }} as platform_live_gmv_cny,
    {{ fen_to_cny('feed_pay_gmv') }} as platform_short_video_gmv_cny,
    {{ fen_to_cny('pay_refund_gmv') }} as platform_refunded_cny,
    pay_uv as platform_payers,
    pay_order_cnt as platform_orders,
    product_click_uv as product_visitors,
    _pulled_at as pulled_at
from newest_pull
