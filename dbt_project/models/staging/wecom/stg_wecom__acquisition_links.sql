-- Grain: one row per account, acquisition link and snapshot day, as the day's newest pull saw it.
select
    _account as account,
    link_id,
    link_name,
    url,
    create_time as created_at,
    skip_verify as is_without_approval,
    user_list as staff_ids,
    department_list as department_ids,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'acquisition_link') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
