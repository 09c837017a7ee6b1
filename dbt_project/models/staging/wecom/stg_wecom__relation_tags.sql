-- Grain: one row per account, customer, staff member, tag and snapshot day, as the day's newest
-- pull saw it. Staff's own private tags are not listed.
with newest_pull as (
    select *
    from {{ source('wecom', 'customer') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
),

tagged as (
    select
        _account as account,
        external_userid,
        userid as staff_id,
        unnest(cast(tag_ids as json) ->> '$[*]') as tag_id,
        event_date as snapshot_date,
        _pulled_at as pulled_at
    from newest_pull
)

select distinct
    account,
    external_userid,
    staff_id,
    tag_id,
    snapshot_date,
    pulled_at
from tagged
