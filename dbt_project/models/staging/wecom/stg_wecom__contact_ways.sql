-- Grain: one row per account, contact way and snapshot day, as the day's newest pull saw it.
select
    _account as account,
    config_id as contact_way_id,
    nullif(state, '') as add_state,
    case type when 1 then 'one' when 2 then 'several' else 'unknown' end as served_by,
    case scene when 1 then 'mini_program' when 2 then 'qr_code' else 'unknown' end as scene,
    user as staff_ids,
    party as department_ids,
    skip_verify as is_without_approval,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'contact_way') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
