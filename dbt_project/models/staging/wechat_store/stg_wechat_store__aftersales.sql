-- Grain: one row per after-sale case (refund or return), in its newest version.
with newest_version as (
    -- event_date is the day the case was made, so a case never leaves its partition
    select *
    from {{ source('wechat_store', 'aftersale') }}
    qualify row_number() over (
        partition by event_date, after_sale_order_id order by update_time desc, _pulled_at desc
    ) = 1
)

select
    _account as account,
    after_sale_order_id as aftersale_id,
    order_id,
    status as status_code,
    -- the two states in which the money has been returned; every other one may still become one
    coalesce(status in ('MERCHANT_REFUND_SUCCESS', 'MERCHANT_RETURN_SUCCESS'), false)
        as is_refunded,
    case type
        when 'REFUND' then 'refund' when 'RETURN' then 'return' else 'unknown'
    end as aftersale_type,
    reason as reason_code,
    {{ fen_to_cny('amount') }} as amount_cny,
    product_id,
    sku_id,
    count as items,
    create_time as created_at,
    event_date as created_date,
    update_time as updated_at,
    _pulled_at as pulled_at
from newest_version
