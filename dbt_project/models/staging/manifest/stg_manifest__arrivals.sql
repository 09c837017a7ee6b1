-- Grain: one row per account, stream, channel, measure, business day and delay in days: the value
-- known after the last pull of that delay.
select
    source,
    stream,
    account,
    channel,
    measure,
    event_date,
    delay_days,
    arg_max(value, pulled_at) as known_value
from {{ source('manifest', 'arrivals') }}
group by all
