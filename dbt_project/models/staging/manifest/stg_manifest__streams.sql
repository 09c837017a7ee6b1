-- Grain: one row per declared stream.
select
    source,
    stream,
    kind,
    ready_at,
    revised_for_days,
    has_channels,
    primary_measure
from {{ source('manifest', 'streams') }}
