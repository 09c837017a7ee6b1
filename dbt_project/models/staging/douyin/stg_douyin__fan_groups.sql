-- Grain: one row per account, snapshot day, distribution and group of fans in it.
select
    _account as account,
    distribution,
    item as group_name,
    value as fans,
    all_sum as platform_total,
    all_fans_num as account_fans,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('douyin', 'fans_profile') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
