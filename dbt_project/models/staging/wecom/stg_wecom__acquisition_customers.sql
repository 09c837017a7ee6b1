-- Grain: one row per account, acquisition link, customer, staff member and snapshot day, as the
-- day's newest pull saw it. When they met is stg_wecom__customer_relations.added_at.
select
    _account as account,
    link_id,
    external_userid,
    userid as staff_id,
    -- null: the source does not know
    case chat_status when 0 then false when 1 then true end as has_written,
    nullif(state, '') as add_state,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'acquisition_customer') }}
qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
