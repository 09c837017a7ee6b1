-- Grain: one row per account, article and statistics day; counts are cumulative since publication.
with newest_pull as (
    select *
    from {{ source('wechat_oa', 'article_total_detail') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    msgid as article_id,
    event_date as published_date,
    stat_date as report_date,
    title,
    content_url,
    coalesce(publish_type = 0, false) as is_mass_send,
    read_user as readers,
    share_user as sharers,
    zaikan_user as recommenders,
    like_user as likers,
    comment_count as comments,
    collection_user as collectors,
    {{ fen_to_cny('praise_money') }} as tips_cny,
    read_subscribe_user as follower_readers,
    read_delivery_rate,
    read_finish_rate,
    read_avg_activetime * 60 as average_read_seconds,
    is_delay as is_provisional,
    _pulled_at as pulled_at
from newest_pull
