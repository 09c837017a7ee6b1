-- Grain: one row per account and business day: the stock at its end. Days are never added.
with newest_pull as (
    select *
    from {{ source('wechat_oa', 'user_cumulate') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    event_date as report_date,
    cumulate_user as followers,
    _pulled_at as pulled_at
from newest_pull
