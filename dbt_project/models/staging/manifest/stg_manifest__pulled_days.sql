-- Grain: one row per pull (run) and business day it answers for.
select
    source,
    stream,
    kind,
    account,
    run_id,
    event_date,
    pulled_at,
    {{ business_date('pulled_at') }} as pulled_date,
    rows_of_day,
    is_not_ready
from {{ source('manifest', 'commits') }}
