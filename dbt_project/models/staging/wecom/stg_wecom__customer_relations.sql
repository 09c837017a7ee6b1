-- Grain: one row per account, customer, staff member and pull: the relation as that pull saw it.
-- Every pull is kept: a pair that staff removed is in no later list, and must not vanish here.
select
    _account as account,
    external_userid,
    unionid,
    userid as staff_id,
    createtime as added_at,
    {{ business_date('createtime') }} as added_date,
    add_way,
    nullif(state, '') as add_state,
    case type when 1 then 'wechat' when 2 then 'wecom' else 'unknown' end as customer_type,
    case gender when 1 then 'male' when 2 then 'female' else 'unknown' end as gender,
    event_date as snapshot_date,
    _pulled_at as pulled_at
from {{ source('wecom', 'customer') }}
