-- Grain: one row per account, moment, staff member who published it and customer who can see it.
with newest_pull as (
    select *
    from {{ source('wecom', 'moment_recipient') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    moment_id,
    userid as staff_id,
    external_userid,
    event_date as created_date,
    _pulled_at as pulled_at
from newest_pull
