-- Grain: one row per business day that is over, and period (day, ISO week, month) it lies in.
{{ config(materialized='view') }}

with over as (
    select date_day
    from {{ ref('dim_date') }}
    where
        date_day < {{ as_of_date() }}
        and date_day >= (select min(event_date) from {{ ref('stg_manifest__pulled_days') }})
)

select
    over.date_day,
    periods.period,
    cast(date_trunc(periods.period, over.date_day) as date) as period_start_date
from over
cross join (values ('day'), ('week'), ('month')) as periods (period)
