-- Grain: one row per source, stream, measure, channel ('all' = their sum), business day and delay in
-- days: the value known after the pulls up to that delay. No row where nobody had pulled yet.
with arrivals as (
    select
        arrivals.source,
        arrivals.stream,
        arrivals.account,
        case
            when not streams.has_channels then 'all'
            when arrivals.channel = '' then 'organic'
            else coalesce(sites.channel_id, names.channel_id, 'unknown')
        end as channel_id,
        arrivals.measure,
        arrivals.event_date,
        arrivals.delay_days,
        sum(arrivals.known_value) as known_value
    from {{ ref('stg_manifest__arrivals') }} as arrivals
    inner join {{ ref('stg_manifest__streams') }} as streams
        on arrivals.source = streams.source and arrivals.stream = streams.stream
    left join {{ ref('dim_channel') }} as sites on arrivals.channel = sites.site_set
    left join {{ ref('dim_channel') }} as names on arrivals.channel = names.channel_id
    -- a snapshot's row count is no value of its day that grows
    where streams.kind <> 'entity'
    group by all
),

first_pulls as (
    select
        source,
        stream,
        account,
        min(pulled_date) as pulled_date
    from {{ ref('stg_manifest__pulls') }}
    group by all
),

series as (
    select distinct
        source,
        stream,
        account,
        channel_id,
        measure
    from arrivals
),

days as (
    select distinct
        source,
        stream,
        account,
        event_date
    from {{ ref('int_account_days') }}
    where kind <> 'entity' and event_date >= {{ as_of_date() }} - 90
),

grid as (
    select
        series.source,
        series.stream,
        series.account,
        series.channel_id,
        series.measure,
        days.event_date,
        cast(delays.delay_days as integer) as delay_days
    from series
    inner join days
        on
            series.source = days.source
            and series.stream = days.stream
            and series.account = days.account
    inner join {{ ref('stg_manifest__streams') }} as streams
        on series.source = streams.source and series.stream = streams.stream
    inner join first_pulls
        on
            series.source = first_pulls.source
            and series.stream = first_pulls.stream
            and series.account = first_pulls.account
    cross join (select unnest(range(0, 61)) as delay_days) as delays
    where
        delays.delay_days <= streams.revised_for_days
        and days.event_date + cast(delays.delay_days as integer) <= {{ as_of_date() }}
        and days.event_date + cast(delays.delay_days as integer) >= first_pulls.pulled_date
),

known as (
    select
        grid.source,
        grid.stream,
        grid.channel_id,
        grid.measure,
        grid.event_date,
        grid.delay_days,
        -- nothing has arrived up to this delay: known is 0
        coalesce(arrivals.known_value, 0) as known_value
    from grid
    asof left join arrivals
        on
            grid.source = arrivals.source
            and grid.stream = arrivals.stream
            and grid.account = arrivals.account
            and grid.channel_id = arrivals.channel_id
            and grid.measure = arrivals.measure
            and grid.event_date = arrivals.event_date
            and grid.delay_days >= arrivals.delay_days
)

select
    source,
    stream,
    case when grouping(channel_id) = 1 then 'all' else channel_id end as channel_id,
    measure,
    event_date,
    delay_days,
    sum(known_value) as known_value
from known
group by
    grouping sets (
        (source, stream, measure, event_date, delay_days, channel_id),
        (source, stream, measure, event_date, delay_days)
    )
-- a stream without channels is its own total
having not (grouping(channel_id) = 0 and channel_id = 'all')
