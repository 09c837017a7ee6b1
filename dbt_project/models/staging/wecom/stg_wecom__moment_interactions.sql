-- Grain: one row per account, moment, publisher, interaction, actor, moment of acting and number
-- among the same.
with newest_pull as (
    select *
    from {{ source('wecom', 'moment_comment') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    moment_id,
    userid as staff_id,
    interaction as interaction_type,
    actor_type,
    actor_id,
    case when actor_type = 'customer' then actor_id end as external_userid,
    create_time as interacted_at,
    {{ business_date('create_time') }} as interacted_date,
    -- of the moment, not of the interaction
    event_date as moment_date,
    _pulled_at as pulled_at
from newest_pull
