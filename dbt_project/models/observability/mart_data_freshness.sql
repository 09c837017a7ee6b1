-- Grain: one row per source, account, stream, measure and channel ('' = the stream has none), judged
-- on the business day of the data, never on the time of the load.
{{ config(schema='marts', contract={'enforced': true}) }}

with newest_per_day as (
    select
        arrivals.source,
        arrivals.stream,
        arrivals.account,
        arrivals.measure,
        case
            when not streams.has_channels then ''
            when arrivals.channel = '' then 'organic'
            else coalesce(sites.channel_id, names.channel_id, 'unknown')
        end as channel_id,
        arrivals.event_date,
        arg_max(arrivals.known_value, arrivals.delay_days) as known_value
    from {{ ref('stg_manifest__arrivals') }} as arrivals
    inner join {{ ref('stg_manifest__streams') }} as streams
        on
            arrivals.source = streams.source
            and arrivals.stream = streams.stream
    left join {{ ref('dim_channel') }} as sites on arrivals.channel = sites.site_set
    left join {{ ref('dim_channel') }} as names on arrivals.channel = names.channel_id
    group by all
),

series as (
    select
        source,
        stream,
        account,
        measure,
        channel_id,
        max(event_date) filter (where known_value > 0) as newest_event_date
    from newest_per_day
    group by all
),

account_days as (
    select
        days.*,
        input_days.measure,
        input_days.channel_id,
        case
            when days.delay_days is null or input_days.completeness is null then 0
            else input_days.completeness
        end as completeness
    from {{ ref('int_account_days') }} as days
    inner join {{ ref('int_input_days') }} as input_days
        on
            days.source = input_days.source
            and days.stream = input_days.stream
            and days.event_date = input_days.event_date
),

judged as (
    select
        series.source,
        series.account,
        series.stream,
        series.measure,
        series.channel_id,
        series.newest_event_date,
        -- complete: almost everything known, and this account's channel brought something since
        max(account_days.event_date) filter (
            where
            account_days.completeness >= 0.995
            and account_days.event_date <= series.newest_event_date
        ) as newest_complete_date,
        max(account_days.newest_pulled_at) as newest_pulled_at,
        arg_max(account_days.completeness, account_days.event_date) as completeness
    from series
    inner join account_days
        on
            series.source = account_days.source
            and series.stream = account_days.stream
            and series.account = account_days.account
            and series.measure = account_days.measure
            and case when series.channel_id = '' then 'all' else series.channel_id end
            = account_days.channel_id
    group by
        series.source, series.account, series.stream, series.measure, series.channel_id,
        series.newest_event_date
)

select
    judged.source,
    judged.account,
    judged.stream,
    judged.measure,
    judged.channel_id,
    judged.newest_event_date,
    judged.newest_complete_date,
    cast(
        date_diff('minute', {{ end_of_day('judged.newest_complete_date') }}, {{ as_of() }}) / 60.0
        as double
    ) as lag_hours,
    streams.ready_at,
    streams.revised_for_days,
    judged.newest_pulled_at,
    cast(judged.completeness as double) as completeness,
    {{ as_of() }} as as_of_at
from judged
inner join {{ ref('stg_manifest__streams') }} as streams
    on judged.source = streams.source and judged.stream = streams.stream
