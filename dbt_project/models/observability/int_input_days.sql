-- Grain: one row per source, stream, measure, channel ('all' = total) and business day that is over:
-- how complete that measure of the day is known to be.
with per_day as (
    select
        days.source,
        days.stream,
        days.event_date,
        count(*) as accounts,
        count(days.delay_days) as accounts_pulled,
        -- the account pulled least recently decides
        min(days.delay_days) as delay_days,
        bool_or(days.kind = 'entity' and days.event_date < first_snapshots.event_date - 1)
            as is_before_first_snapshot
    from {{ ref('int_account_days') }} as days
    left join (
        select
            source,
            stream,
            account,
            min(event_date) as event_date
        from {{ ref('stg_manifest__pulled_days') }}
        where kind = 'entity'
        group by all
    ) as first_snapshots
        on
            days.source = first_snapshots.source
            and days.stream = first_snapshots.stream
            and days.account = first_snapshots.account
    group by all
),

newest_known as (
    select
        source,
        stream,
        measure,
        channel_id,
        event_date,
        arg_max(known_value, delay_days) as known_value
    from {{ ref('int_known_values') }}
    group by all
),

learnt as (
    select
        source,
        stream,
        measure,
        channel_id,
        min(delay_days) filter (where is_settled) as settled_after_days
    from {{ ref('mart_arrival_curve') }}
    group by all
),

-- what a channel usually brings, where it never brought nothing on a closed day
usual as (
    select
        known.source,
        known.stream,
        known.measure,
        known.channel_id,
        median(known.known_value) as usual_value
    from {{ ref('int_known_values') }} as known
    inner join {{ ref('stg_manifest__streams') }} as streams
        on
            known.source = streams.source
            and known.stream = streams.stream
            and known.delay_days = streams.revised_for_days
    group by all
    having min(known.known_value) > 0 and count(*) >= 7
),

series as (
    select distinct
        source,
        stream,
        measure,
        channel_id
    from {{ ref('int_known_values') }}

    union all

    select
        source,
        stream,
        'rows' as measure,
        'all' as channel_id
    from {{ ref('stg_manifest__streams') }}
    where kind = 'entity'
),

joined as (
    select
        series.source,
        series.stream,
        streams.kind,
        series.measure,
        series.channel_id,
        per_day.event_date,
        per_day.accounts,
        per_day.accounts_pulled,
        per_day.delay_days,
        per_day.is_before_first_snapshot,
        streams.revised_for_days,
        newest_known.known_value,
        coalesce(learnt.settled_after_days, learnt_all.settled_after_days) as settled_after_days,
        -- a channel's own curve, or the total's while the channel has too little history
        case
            when own.closed_days >= 14 then own.completeness
            else coalesce(total.completeness, own.completeness)
        end as curve_completeness,
        coalesce(
            series.channel_id <> 'all'
            and usual.usual_value > 0
            and coalesce(newest_known.known_value, 0) = 0
            -- past the revisions an empty day is simply empty
            and per_day.delay_days < streams.revised_for_days,
            false
        ) as is_missing,
        usual.usual_value
    from series
    inner join {{ ref('stg_manifest__streams') }} as streams
        on series.source = streams.source and series.stream = streams.stream
    inner join per_day on series.source = per_day.source and series.stream = per_day.stream
    left join newest_known
        on
            series.source = newest_known.source
            and series.stream = newest_known.stream
            and series.measure = newest_known.measure
            and series.channel_id = newest_known.channel_id
            and per_day.event_date = newest_known.event_date
    left join learnt
        on
            series.source = learnt.source
            and series.stream = learnt.stream
            and series.measure = learnt.measure
            and series.channel_id = learnt.channel_id
    left join learnt as learnt_all
        on
            series.source = learnt_all.source
            and series.stream = learnt_all.stream
            and series.measure = learnt_all.measure
            and learnt_all.channel_id = 'all'
    left join {{ ref('mart_arrival_curve') }} as own
        on
            series.source = own.source
            and series.stream = own.stream
            and series.measure = own.measure
            and series.channel_id = own.channel_id
            and least(per_day.delay_days, streams.revised_for_days) = own.delay_days
    left join {{ ref('mart_arrival_curve') }} as total
        on
            series.source = total.source
            and series.stream = total.stream
            and series.measure = total.measure
            and total.channel_id = 'all'
            and least(per_day.delay_days, streams.revised_for_days) = total.delay_days
    left join usual
        on
            series.source = usual.source
            and series.stream = usual.stream
            and series.measure = usual.measure
            and series.channel_id = usual.channel_id
),

missing as (
    select
        source,
        stream,
        measure,
        event_date,
        bool_or(is_missing) as has_missing_channel,
        coalesce(sum(usual_value) filter (where is_missing), 0)
        / nullif(sum(usual_value), 0) as missing_share
    from joined
    where channel_id <> 'all'
    group by all
)

select
    joined.source,
    joined.stream,
    joined.kind,
    joined.measure,
    joined.channel_id,
    joined.event_date,
    joined.accounts,
    joined.accounts_pulled,
    joined.delay_days,
    joined.accounts_pulled > 0 as is_pulled,
    joined.known_value,
    -- a day is never final before it is over, nor while a channel that always brings something has
    -- brought nothing
    joined.accounts_pulled = joined.accounts
    and not joined.is_before_first_snapshot
    and not joined.is_missing
    and not (joined.channel_id = 'all' and coalesce(missing.has_missing_channel, false))
        as may_be_final,
    greatest(1, case
        when joined.kind = 'event'
            then coalesce(joined.settled_after_days, joined.revised_for_days)
        else joined.revised_for_days
    end) as final_after_days,
    round(case
        when joined.accounts_pulled = 0 or joined.delay_days < 0 then 0
        when joined.is_before_first_snapshot then null
        when joined.is_missing then 0
        when joined.kind = 'entity' then case when joined.delay_days >= 1 then 1 else 0 end
        when
            joined.curve_completeness is null and joined.delay_days >= joined.revised_for_days
            then 1
        else
            least(1, joined.curve_completeness)
            * (joined.accounts_pulled / joined.accounts)
            * case
                when joined.channel_id = 'all' then 1 - coalesce(missing.missing_share, 0) else 1
            end
    end, 6) as completeness
from joined
left join missing
    on
        joined.source = missing.source
        and joined.stream = missing.stream
        and joined.measure = missing.measure
        and joined.event_date = missing.event_date
