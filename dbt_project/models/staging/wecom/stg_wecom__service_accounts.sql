-- Grain: one row per account, customer-service account and snapshot day, as the day's newest pull
-- saw it.
select
    _account as account,
    open_kfid as service_account_id,
    name as service_account_name,
    manage_privilege as is_manageable,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'kf_account') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
