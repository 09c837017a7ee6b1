-- Grain: one row per account, staff member and snapshot day, as the day's newest pull saw it:
-- everybody the app may see, not only those who may serve customers (stg_wecom__staff).
select
    _account as account,
    userid as staff_id,
    case status
        when 1 then 'active' when 2 then 'disabled'
        when 4 then 'not_activated' when 5 then 'left' else 'unknown'
    end as staff_status,
    case gender when 1 then 'male' when 2 then 'female' else 'unknown' end as gender,
    main_department as main_department_id,
    department as department_ids,
    direct_leader as direct_leader_ids,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'staff') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
