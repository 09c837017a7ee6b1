-- Grain: one row per metric, channel ('all' = total) and business day that is over: is it final, how
-- complete. Derived from seed_metric_inputs: the least complete input decides.
-- Ad platforms are alternatives: a day needs those that were pulled for it, one at least, and a
-- channel's cost is known by its own platform alone. Other streams are all needed.
with dimension_values as (
    select
        'all' as channel_id,
        null as ad_platform
    union all
    select
        channel_id,
        ad_platform
    from {{ ref('dim_channel') }}
),

ad_platforms as (
    select distinct ad_platform
    from {{ ref('dim_channel') }}
    where ad_platform is not null
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
        ad_platforms.ad_platform is not null as is_ad_platform,
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
    left join ad_platforms on inputs.source = ad_platforms.ad_platform
    where
        ad_platforms.ad_platform is null
        or dimension_values.ad_platform is null
        or dimension_values.ad_platform = inputs.source
),

-- measures of one stream on one day weigh by their expected final value
stream_days as (
    select
        inputs.metric_id,
        inputs.channel_id,
        days.date_day,
        inputs.source,
        inputs.stream,
        inputs.is_ad_platform,
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
        is_ad_platform,
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
        channel_id,
        count(distinct source || '.' || stream) filter (where not is_ad_platform) as others,
        bool_or(is_ad_platform) as has_ad_platform
    from inputs
    group by metric_id, channel_id
),

days as (
    select
        windows.metric_id,
        windows.channel_id,
        windows.date_day,
        count(*) filter (where not windows.is_ad_platform) = any_value(needed.others)
        and (not any_value(needed.has_ad_platform) or bool_or(windows.is_ad_platform))
            as has_all_streams,
        bool_and(windows.is_pulled) as is_pulled,
        bool_and(windows.is_final) as is_final,
        case when count(windows.completeness) = count(*) then min(windows.completeness) end
            as completeness
    from windows
    inner join needed
        on windows.metric_id = needed.metric_id and windows.channel_id = needed.channel_id
    group by windows.metric_id, windows.channel_id, windows.date_day
)

select
    metric_id,
    channel_id,
    date_day,
    -- a number may be shown once every stream it needs was pulled for some of its days
    has_all_streams and is_pulled as is_covered,
    has_all_streams and is_final as is_final,
    round(case when has_all_streams then completeness else 0 end, 6) as completeness
from days
