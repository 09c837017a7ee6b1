-- Grain: one row per metric, channel ('all' = total) and business day that is over: is it final, how
-- complete. Derived from seed_metric_inputs: the least complete input decides.
with dimension_values as (
    select 'all' as channel_id
    union all
    select channel_id from {{ ref('dim_channel') }}
),

inputs as (
    select
        inputs.metric_id,
        inputs.source,
        inputs.stream,
        inputs.measure,
        inputs.first_offset_days,
        inputs.last_offset_days,
        inputs.settled_after_days,
        dimension_values.channel_id,
        -- a stream that knows no channels, or not this one, answers with its total
        coalesce(own.channel_id, 'all') as input_channel_id
    from {{ ref('seed_metric_inputs') }} as inputs
    cross join dimension_values
    left join (
        select distinct
            source,
            stream,
            channel_id
        from {{ ref('int_input_days') }}
    ) as own
        on
            inputs.source = own.source
            and inputs.stream = own.stream
            and dimension_values.channel_id = own.channel_id
            and inputs.follows_channel
),

-- measures of one stream on one day weigh by their expected final value
stream_days as (
    select
        inputs.metric_id,
        inputs.channel_id,
        days.date_day,
        inputs.source,
        inputs.stream,
        inputs.last_offset_days - inputs.first_offset_days + 1 as days_needed,
        input_days.event_date,
        bool_or(input_days.is_pulled) as is_pulled,
        bool_and(
            input_days.may_be_final
            and input_days.delay_days
            >= coalesce(inputs.settled_after_days, input_days.final_after_days)
        ) as is_final,
        case
            when bool_or(input_days.completeness is null) then null
            when
                sum(input_days.known_value) filter (where input_days.completeness > 0) > 0
                and bool_and(input_days.completeness > 0 or input_days.known_value = 0)
                then
                    sum(input_days.known_value)
                    / sum(input_days.known_value / nullif(input_days.completeness, 0))
            else min(input_days.completeness)
        end as completeness
    from inputs
    inner join {{ ref('int_business_days') }} as days on days.period = 'day'
    inner join {{ ref('int_input_days') }} as input_days
        on
            inputs.source = input_days.source
            and inputs.stream = input_days.stream
            and inputs.measure = input_days.measure
            and inputs.input_channel_id = input_days.channel_id
            and input_days.event_date
            between days.date_day + inputs.first_offset_days
            and days.date_day + inputs.last_offset_days
    group by all
),

-- days of a window weigh alike; a day not yet over or never pulled counts 0
windows as (
    select
        metric_id,
        channel_id,
        date_day,
        source,
        stream,
        bool_or(is_pulled) as is_pulled,
        count(*) = any_value(days_needed) and bool_and(is_final) as is_final,
        case
            when count(completeness) > 0
                then sum(coalesce(completeness, 0)) / any_value(days_needed)
        end as completeness
    from stream_days
    group by all
),

needed as (
    select
        metric_id,
        count(distinct source || '.' || stream) as streams_needed
    from {{ ref('seed_metric_inputs') }}
    group by metric_id
)

select
    windows.metric_id,
    windows.channel_id,
    windows.date_day,
    -- a number may be shown once every stream it needs was pulled for some of its days
    count(*) = any_value(needed.streams_needed) and bool_and(windows.is_pulled) as is_covered,
    count(*) = any_value(needed.streams_needed) and bool_and(windows.is_final) as is_final,
    round(case
        when count(*) = any_value(needed.streams_needed)
            then
                case when count(windows.completeness) = count(*) then min(windows.completeness) end
        else 0
    end, 6) as completeness
from windows
inner join needed on windows.metric_id = needed.metric_id
group by windows.metric_id, windows.channel_id, windows.date_day
