-- Grain: one row per account, promotion and day of snapshot.
with newest_pull as (
    {{ newest_pull_of('oceanengine', 'promotion') }}
)

select
    _account as account,
    event_date as snapshot_date,
    promotion_id as adgroup_id,
    promotion_name as adgroup_name,
    project_id as campaign_id,
    status_first as status,
    learning_phase,
    {{ to_cny('budget') }} as budget_cny,
    budget_mode,
    {{ to_cny('cpa_bid') }} as cpa_bid_cny,
    promotion_create_time as created_at,
    promotion_modify_time as modified_at,
    _pulled_at as pulled_at
from newest_pull
