-- Grain: one row per account, staff member and snapshot day: the members who may serve customers.
select
    _account as account,
    userid as staff_id,
    event_date as snapshot_date,
    max(_pulled_at) as pulled_at
from {{ source('wecom', 'follow_user') }}
group by all
