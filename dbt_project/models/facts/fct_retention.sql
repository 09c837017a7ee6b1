-- Grain: one row per cohort day (first add), channel of acquisition and age in days.
-- retained_customers is null until the day of that age is over.
{{ config(meta={'replaces': {'activity_date': 'retention', 'cohort_date': 'adds'}}) }}

with cohorts as (
    select
        first_added_date as cohort_date,
        channel_id,
        count(*) as cohort_customers
    from {{ ref('dim_customer') }}
    -- people who were there before the first landed day have an age that nobody observed
    where first_added_date >= (select min(event_date) from {{ ref('stg_manifest__pulled_days') }})
    group by all
),

ages as (
    select unnest(list_append(range(1, 31), 60)) as age_days
),

observed as (
    select
        cohorts.cohort_date,
        cohorts.channel_id,
        cast(ages.age_days as integer) as age_days,
        cohorts.cohort_date + cast(ages.age_days as integer) as activity_date,
        cohorts.cohort_customers
    from cohorts
    cross join ages
    where
        cohorts.cohort_date + cast(ages.age_days as integer) <= {{ as_of_date() }}
        and (
            {{ is_affected('cohorts.cohort_date + cast(ages.age_days as integer)', 'retention') }}
            or {{ is_affected('cohorts.cohort_date', 'adds') }}
        )
),

active as (
    select distinct
        person_id,
        activity_date
    from {{ ref('fct_engagement') }}
),

retained as (
    select
        customers.first_added_date as cohort_date,
        customers.channel_id,
        active.activity_date,
        count(*) as retained_customers
    from {{ ref('dim_customer') }} as customers
    inner join active on customers.person_id = active.person_id
    where
        active.activity_date > customers.first_added_date
        and (
            {{ is_affected('active.activity_date', 'retention') }}
            or {{ is_affected('customers.first_added_date', 'adds') }}
        )
    group by all
)

select
    observed.cohort_date,
    observed.channel_id,
    observed.age_days,
    observed.activity_date,
    observed.cohort_customers,
    case
        when observed.activity_date < {{ as_of_date() }}
            then coalesce(retained.retained_customers, 0)
    end as retained_customers
from observed
left join retained
    on
        observed.cohort_date = retained.cohort_date
        and observed.channel_id = retained.channel_id
        and observed.activity_date = retained.activity_date
