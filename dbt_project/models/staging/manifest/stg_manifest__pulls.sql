-- Grain: one row per pull (run). A pull of an event stream may touch no day at all and still tells
-- that everything up to its moment was asked for.
select
    source,
    stream,
    kind,
    account,
    run_id,
    pulled_at,
    {{ business_date('pulled_at') }} as pulled_date
from {{ source('manifest', 'pulls') }}
