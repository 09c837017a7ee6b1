-- each cohort has its full size at each age that has come
select
    retention.cohort_date,
    retention.channel_id,
    retention.age_days
from {{ ref('fct_retention') }} as retention
left join (
    select
        first_added_date,
        channel_id,
        count(*) as customers
    from {{ ref('dim_customer') }}
    group by all
) as cohorts
    on
        retention.cohort_date = cohorts.first_added_date
        and retention.channel_id = cohorts.channel_id
where retention.cohort_customers is distinct from cohorts.customers
