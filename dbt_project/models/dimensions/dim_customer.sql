-- Grain: one row per person who ever was a customer, whatever happened to the relation since.
with relations as (
    select
        *,
        -- one external_userid is one person: a unionid known in any of its rows counts for all
        coalesce(
            max(unionid) over (partition by account, external_userid), external_userid
        ) as person_id
    from {{ ref('int_customer_relations') }}
),

newest as (
    select
        account,
        max(last_seen_date) as snapshot_date
    from {{ ref('int_customer_relations') }}
    group by account
),

persons as (
    select
        relations.person_id,
        count(distinct relations.external_userid) as external_userids,
        bool_or(relations.unionid is not null) as has_unionid,
        count(*) as relations,
        count(distinct relations.staff_id) as staff_members,
        arg_max(relations.customer_type, relations.last_pulled_at) as customer_type,
        arg_max(relations.gender, relations.last_pulled_at) as gender,
        bool_or(relations.last_seen_date = newest.snapshot_date) as has_contact
    from relations
    inner join newest on relations.account = newest.account
    group by relations.person_id
),

first_add as (
    select *
    from relations
    qualify row_number() over (
        partition by person_id order by added_at, staff_id, relation_id
    ) = 1
)

select
    persons.person_id,
    first_add.added_at as first_added_at,
    first_add.added_date as first_added_date,
    -- the contact way says it by its state, else the way of adding does
    case
        when first_add.add_state is not null then coalesce(states.channel_id, 'unknown')
        else coalesce(ways.channel_id, 'unknown')
    end as channel_id,
    nullif(split_part(first_add.add_state, ':', 2), '') as campaign,
    first_add.add_way,
    first_add.staff_id as first_staff_id,
    persons.customer_type,
    persons.gender,
    persons.has_unionid,
    persons.external_userids,
    persons.relations,
    persons.staff_members,
    persons.has_contact
from persons
inner join first_add on persons.person_id = first_add.person_id
left join {{ ref('dim_channel') }} as states
    on split_part(first_add.add_state, ':', 1) = states.channel_id
left join {{ ref('seed_add_ways') }} as ways on first_add.add_way = ways.add_way
