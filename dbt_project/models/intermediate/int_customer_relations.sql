-- Grain: one row per account, customer, staff member and add moment, over all snapshots ever seen.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='relation_id'
) }}

with seen as (
    select
        md5(concat_ws('|', account, external_userid, staff_id, epoch_us(added_at))) as relation_id,
        account,
        external_userid,
        unionid,
        staff_id,
        added_at,
        added_date,
        add_way,
        add_state,
        customer_type,
        gender,
        snapshot_date as first_seen_date,
        snapshot_date as last_seen_date,
        pulled_at as last_pulled_at
    from {{ ref('stg_wecom__customer_relations') }}
    where {{ is_affected('snapshot_date', 'customer_snapshots') }}
),

with_earlier as (
    select * from seen
    {% if is_incremental() %}
        union all by name
        select * from {{ this }}
        where relation_id in (select relation_id from seen)
    {% endif %}
)

select
    relation_id,
    account,
    external_userid,
    -- arg_max passes over nulls: a unionid once known stays known
    arg_max(unionid, last_pulled_at) as unionid,
    staff_id,
    added_at,
    added_date,
    arg_max(add_way, last_pulled_at) as add_way,
    arg_max(add_state, last_pulled_at) as add_state,
    arg_max(customer_type, last_pulled_at) as customer_type,
    arg_max(gender, last_pulled_at) as gender,
    min(first_seen_date) as first_seen_date,
    max(last_seen_date) as last_seen_date,
    max(last_pulled_at) as last_pulled_at
from with_earlier
group by relation_id, account, external_userid, staff_id, added_at, added_date
