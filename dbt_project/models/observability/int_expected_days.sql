-- Grain: one row per source and business day: whether its data is expected, and by when.
{{ config(materialized='view') }}

with kinds as (
    select
        date_day,
        case
            when is_moved_working_day then 'makeup_workday'
            when not is_day_off then 'workday'
            when holiday_name is not null then 'holiday'
            else 'weekend'
        end as day_kind
    from {{ ref('dim_date') }}
)

select
    calendar.source,
    kinds.date_day as event_date,
    kinds.day_kind,
    calendar.is_expected,
    -- on the next day, in Shanghai
    timezone(
        'Asia/Shanghai', (kinds.date_day + 1) + cast(calendar.expected_by as time)
    ) as expected_by_at,
    calendar.grace_hours
from {{ ref('seed_expected_days') }} as calendar
inner join kinds on calendar.day_kind = kinds.day_kind
