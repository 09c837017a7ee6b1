-- Grain: one row per account, article, business day and scene in which it was read. The platform's
-- row 全部 is the total of the others and is left out: stg_wechat_oa__article_daily_reads has it.
with newest_pull as (
    select *
    from {{ source('wechat_oa', 'article_read') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
),

scenes as (
    select
        _account as account,
        msgid as article_id,
        event_date as report_date,
        {{ json_rows('read_user_source', {
            'scene_desc': 'varchar', 'user_count': 'bigint'
        }) }} as scene,
        _pulled_at as pulled_at
    from newest_pull
)

select
    scenes.account,
    scenes.article_id,
    scenes.report_date,
    scenes.scene.scene_desc as scene_zh,
    scenes.scene.user_count as readers,
    scenes.pulled_at
from scenes
where scenes.scene.scene_desc <> '全部'
