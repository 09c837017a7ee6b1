-- Grain: one row per account and business day: all published content together. Persons are those of
-- the day, so neither days nor articles add up to them.
with newest_pull as (
    select *
    from {{ source('wechat_oa', 'biz_summary') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    event_date as report_date,
    read_user as readers,
    share_user as sharers,
    zaikan_user as recommenders,
    like_user as likers,
    comment_count as comments,
    collection_user as collectors,
    redirect_ori_page_user as original_page_visitors,
    send_page_count as published_items,
    is_delay as is_provisional,
    _pulled_at as pulled_at
from newest_pull
