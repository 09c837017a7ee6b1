-- Grain: one row per account and bill (a payment or a refund), in its newest version, yuan.
-- Never add both: a refund is a row of its own and shows in its payment's refunded_cny as well.
with newest_version as (
    -- what a later pull lands has changed since: a payment is refunded, a refund succeeds
    select
        *,
        coalesce(bill_type, 0) = 1 as is_refund
    from {{ source('wecom', 'bill') }}
    qualify row_number() over (partition by _account, bill_id order by _pulled_at desc) = 1
)

select
    _account as account,
    bill_id,
    -- old answers have no type: they held payments only
    case when is_refund then 'refund' else 'payment' end as bill_type,
    transaction_id,
    out_trade_no as order_no,
    out_refund_no as refund_no,
    external_userid,
    payee_userid as staff_id,
    case payment_type
        when 0 then 'chat' when 1 then 'qr_code' when 2 then 'live_room'
        when 3 then 'product_album' when 14 then 'transfer' when 15 then 'mini_program'
        else 'unknown'
    end as payment_type,
    case trade_state when 1 then 'completed' when 3 then 'refunded' end as trade_state,
    pay_time as paid_at,
    event_date as paid_date,
    {{ fen_to_cny('total_fee') }} as amount_cny,
    case when not is_refund then {{ fen_to_cny('total_fee') }} end as paid_cny,
    case when is_refund then {{ fen_to_cny('total_fee') }} end as refund_cny,
    case when not is_refund then {{ fen_to_cny('coalesce(total_refund_fee, 0)') }} end
        as refunded_cny,
    mch_id as merchant_id,
    commodities,
    refunds,
    _pulled_at as pulled_at
from newest_version
