-- Grain: one row per account, moment of the corp and staff member who was to publish it.
with newest_pull as (
    select *
    from {{ source('wecom', 'moment_task') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    moment_id,
    userid as staff_id,
    publish_status = 1 as is_published,
    event_date as created_date,
    _pulled_at as pulled_at
from newest_pull
