-- Grain: one row per account, department and snapshot day, as the day's newest pull saw it.
select
    _account as account,
    id as department_id,
    name as department_name,
    parentid as parent_department_id,
    "order" as sort_order,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'department') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
