-- Grain: one row per account, merchant, flow number, kind and direction, yuan.
with newest_pull as (
    select *
    from {{ source('wecom', 'fund_flow') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    mch_id as merchant_id,
    request_no as flow_no,
    case transaction_type
        when 1 then 'refund' when 2 then 'fee' when 3 then 'payment' when 4 then 'withdrawal'
        when 5 then 'other' else 'unknown'
    end as flow_type,
    case fund_flow_type when 1 then 'income' when 2 then 'expense' else 'unknown' end as direction,
    {{ fen_to_cny('transaction_amount') }} as amount_cny,
    {{ fen_to_cny('account_balance') }} as balance_cny,
    out_trade_no as order_no,
    operator_userid as staff_id,
    timestamp as happened_at,
    event_date as flow_date,
    _pulled_at as pulled_at
from newest_pull
