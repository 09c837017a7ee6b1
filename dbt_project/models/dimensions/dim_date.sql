-- Grain: one row per calendar day in Asia/Shanghai.
with days as (
    select
        cast(unnest(generate_series(date '2025-01-01', date '2027-12-31', interval 1 day)) as date)
            as date_day
)

select
    days.date_day,
    cast(date_trunc('week', days.date_day) as date) as week_start_date,
    cast(date_trunc('month', days.date_day) as date) as month_start_date,
    isoyear(days.date_day) as iso_year,
    week(days.date_day) as iso_week,
    isodow(days.date_day) as iso_weekday,
    isodow(days.date_day) >= 6 as is_weekend,
    -- a year without a notice of the State Council falls back on weekends
    coalesce(holidays.is_day_off, isodow(days.date_day) >= 6) as is_day_off,
    nullif(holidays.holiday_name, '') as holiday_name,
    coalesce(not holidays.is_day_off and isodow(days.date_day) >= 6, false) as is_moved_working_day
from days
left join {{ ref('seed_holidays') }} as holidays on days.date_day = holidays.date_day
