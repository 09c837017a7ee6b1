-- Grain: one row per source, stream, account and business day that is over: how old the newest pull
-- is that answers for the day.
with pulls as (
    select
        source,
        stream,
        account,
        any_value(kind) as kind,
        max(pulled_at) as newest_pulled_at
    from {{ ref('stg_manifest__pulls') }}
    group by all
),

first_day as (
    select min(event_date) as event_date
    from {{ ref('stg_manifest__pulled_days') }}
),

first_days as (
    select
        source,
        stream,
        account,
        -- a list of what exists also answers for what was added before its first snapshot
        case
            when any_value(kind) = 'entity'
                then least(min(event_date) - 1, (select first_day.event_date from first_day))
            else min(event_date)
        end as first_date
    from {{ ref('stg_manifest__pulled_days') }}
    group by all
),

report_days as (
    select
        source,
        stream,
        account,
        event_date,
        max(pulled_at) as newest_pulled_at
    from {{ ref('stg_manifest__pulled_days') }}
    where kind = 'report' and not is_not_ready
    group by all
)

select
    pulls.source,
    pulls.stream,
    pulls.kind,
    pulls.account,
    days.date_day as event_date,
    case pulls.kind when 'report' then report_days.newest_pulled_at else pulls.newest_pulled_at end
        as newest_pulled_at,
    date_diff(
        'day',
        days.date_day,
        {{ business_date(
            "case pulls.kind when 'report' then report_days.newest_pulled_at"
            " else pulls.newest_pulled_at end"
        ) }}
    ) as delay_days
from pulls
inner join first_days
    on
        pulls.source = first_days.source
        and pulls.stream = first_days.stream
        and pulls.account = first_days.account
inner join {{ ref('int_business_days') }} as days
    on days.period = 'day' and first_days.first_date <= days.date_day
left join report_days
    on
        pulls.source = report_days.source
        and pulls.stream = report_days.stream
        and pulls.account = report_days.account
        and days.date_day = report_days.event_date
