-- Grain: one row per account and snapshot day, as the day's newest pull saw it.
select
    _account as account,
    total as used_ever,
    balance as remaining,
    quota_list as batches,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'acquisition_quota') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
