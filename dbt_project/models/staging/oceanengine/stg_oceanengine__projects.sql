-- Grain: one row per account, project and day of snapshot, deleted projects too.
with newest_pull as (
    {{ newest_pull_of('oceanengine', 'project') }}
)

select
    _account as account,
    event_date as snapshot_date,
    project_id as campaign_id,
    name as campaign_name,
    status_first as status,
    landing_type,
    delivery_mode,
    external_action,
    {{ to_cny('budget') }} as budget_cny,
    budget_mode,
    project_create_time as created_at,
    project_modify_time as modified_at,
    _pulled_at as pulled_at
from newest_pull
