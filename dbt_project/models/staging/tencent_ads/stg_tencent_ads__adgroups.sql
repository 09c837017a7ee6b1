-- Grain: one row per account, adgroup and day of snapshot.
with newest_pull as (
    {{ newest_pull_of('tencent_ads', 'adgroup') }}
)

select
    _account as account,
    event_date as snapshot_date,
    adgroup_id,
    adgroup_name,
    configured_status,
    system_status,
    is_deleted,
    created_time as created_at,
    last_modified_time as modified_at,
    {{ fen_to_cny('bid_amount') }} as bid_cny,
    -- 0 says: no limit
    nullif({{ fen_to_cny('daily_budget') }}, 0) as daily_budget_cny,
    optimization_goal,
    site_set as placements,
    _pulled_at as pulled_at
from newest_pull
