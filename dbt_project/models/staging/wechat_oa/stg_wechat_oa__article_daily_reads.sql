-- Grain: one row per account, article and business day on which it was read.
with newest_pull as (
    select *
    from {{ source('wechat_oa', 'article_read') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    msgid as article_id,
    event_date as report_date,
    read_user as readers,
    is_delay as is_provisional,
    _pulled_at as pulled_at
from newest_pull
