-- Grain: one row per business day that is over and channel of the touchpoint ('all' = total).
with kpis as (
    select *
    from {{ ref('mart_kpi_daily') }}
    where period = 'day' and metric_id in (
        'dau', 'wau', 'mau', 'stickiness', 'interactions_per_active'
    )
)

select
    period_start_date as activity_date,
    dimension_value as channel_id,
    cast(max(value) filter (where metric_id = 'dau') as bigint) as dau,
    cast(max(value) filter (where metric_id = 'wau') as bigint) as wau,
    cast(max(value) filter (where metric_id = 'mau') as bigint) as mau,
    cast(max(numerator) filter (where metric_id = 'interactions_per_active') as bigint)
        as interactions,
    cast(max(value) filter (where metric_id = 'stickiness') as double) as stickiness_rate,
    cast(max(value) filter (where metric_id = 'interactions_per_active') as double)
        as interactions_per_active,
    bool_and(is_final) filter (where metric_id = 'dau') as is_final,
    min(completeness) filter (where metric_id = 'dau') as completeness,
    max(as_of_at) as as_of_at
from kpis
group by period_start_date, dimension_value
