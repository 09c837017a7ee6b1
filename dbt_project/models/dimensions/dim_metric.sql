-- Grain: one row per metric of mart_kpi_daily.
select
    metric_id,
    name_zh,
    name_en,
    unit,
    is_ratio
from {{ ref('seed_metrics') }}
