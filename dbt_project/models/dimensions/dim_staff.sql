-- Grain: one row per staff member who was ever allowed to serve customers, or still holds some.
with seen as (
    select
        account,
        staff_id,
        snapshot_date
    from {{ ref('stg_wecom__staff') }}
),

newest as (
    select
        account,
        max(snapshot_date) as snapshot_date
    from seen
    group by account
),

relations as (
    select
        account,
        staff_id,
        count(*) as relations
    from {{ ref('int_customer_relations') }}
    group by all
)

select
    seen.account,
    seen.staff_id,
    min(seen.snapshot_date) as first_seen_date,
    max(seen.snapshot_date) as last_seen_date,
    max(seen.snapshot_date) = any_value(newest.snapshot_date) as is_present,
    coalesce(any_value(relations.relations), 0) as customer_relations
from seen
inner join newest on seen.account = newest.account
left join relations on seen.account = relations.account and seen.staff_id = relations.staff_id
group by seen.account, seen.staff_id
