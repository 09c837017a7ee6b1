-- Grain: one row per period (day, ISO week, month), dimension (all, channel) and its value.
with conversions as (
    select *
    from {{ ref('fct_conversion') }}
    where conversion_date < {{ as_of_date() }}
),

leads as (
    select distinct
        person_id,
        conversion_date
    from conversions
    where conversion_type = 'lead'
),

orders as (
    select distinct
        person_id,
        conversion_date
    from conversions
    where conversion_type = 'paid_order'
),

-- a cohort is watched for the same number of days, whenever it began
followed as (
    select
        conversions.*,
        conversions.conversion_type = 'add' and exists (
            select 1
            from leads
            where
                leads.person_id = conversions.person_id
                and leads.conversion_date between conversions.conversion_date
                and conversions.conversion_date + {{ var('cohort_days') }}
        ) as add_became_lead,
        conversions.conversion_type = 'lead' and exists (
            select 1
            from orders
            where
                orders.person_id = conversions.person_id
                and orders.conversion_date between conversions.conversion_date
                and conversions.conversion_date + {{ var('cohort_days') }}
        ) as lead_became_order
    from conversions
)

select
    days.period,
    days.period_start_date,
    case when grouping(followed.channel_id) = 1 then 'all' else 'channel' end as dimension,
    coalesce(followed.channel_id, 'all') as dimension_value,
    count(distinct followed.person_id) filter (where followed.conversion_type = 'add')
        as new_customers,
    count(distinct followed.person_id) filter (
        where followed.conversion_type = 'add' and channels.channel_type = 'organic'
    ) as organic_new_customers,
    count(distinct followed.person_id) filter (
        where followed.conversion_type = 'add' and channels.has_ad_report
    ) as advertised_new_customers,
    count(distinct followed.person_id) filter (where followed.conversion_type = 'lead')
        as lead_customers,
    count(distinct followed.person_id) filter (
        where followed.conversion_type = 'lead' and channels.has_ad_report
    ) as advertised_lead_customers,
    count(*) filter (where followed.conversion_type = 'booking') as bookings,
    count(*) filter (where followed.conversion_type = 'redemption') as redemptions,
    count(*) filter (where followed.conversion_type = 'paid_order') as paid_orders,
    count(distinct followed.person_id) filter (where followed.conversion_type = 'paid_order')
        as paying_customers,
    coalesce(sum(followed.amount_cny), 0) as gmv_cny,
    coalesce(sum(followed.net_amount_cny), 0) as net_gmv_cny,
    coalesce(sum(followed.net_amount_cny) filter (where channels.has_ad_report), 0)
        as advertised_net_gmv_cny,
    count(distinct followed.person_id) filter (where followed.add_became_lead)
        as new_customers_with_lead,
    count(distinct followed.person_id) filter (where followed.lead_became_order)
        as lead_customers_with_order
from followed
inner join {{ ref('int_business_days') }} as days on followed.conversion_date = days.date_day
inner join {{ ref('dim_channel') }} as channels on followed.channel_id = channels.channel_id
group by grouping sets (
    (days.period, days.period_start_date),
    (days.period, days.period_start_date, followed.channel_id)
)
