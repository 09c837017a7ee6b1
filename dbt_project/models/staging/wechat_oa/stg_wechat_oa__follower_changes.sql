-- Grain: one row per account, business day and source of followers. There is no total row: they add up.
with newest_pull as (
    select *
    from {{ source('wechat_oa', 'user_summary') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    event_date as report_date,
    user_source as source_code,
    new_user as new_followers,
    cancel_user as lost_followers,
    _pulled_at as pulled_at
from newest_pull
