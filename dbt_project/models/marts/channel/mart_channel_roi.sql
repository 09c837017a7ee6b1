-- Grain: one row per business day that is over and channel with an ad report ('all' = their total).
-- Last touch within the attribution window; a channel without cost has no ROI and no row.
with kpis as (
    select *
    from {{ ref('mart_kpi_daily') }}
    where
        period = 'day'
        and metric_id in (
            'ad_cost',
            'impressions',
            'clicks',
            'platform_conversions',
            'cost_per_lead',
            'cac',
            'roi'
        )
        and dimension_value in (
            select channel_id from {{ ref('dim_channel') }}
            where has_ad_report
            union all
            select 'all'
        )
),

costs as (
    select
        period_start_date,
        dimension_value,
        max(value) filter (where metric_id = 'ad_cost') as ad_cost_cny,
        max(value) filter (where metric_id = 'impressions') as impressions,
        max(value) filter (where metric_id = 'clicks') as clicks,
        max(value) filter (where metric_id = 'platform_conversions') as platform_conversions,
        max(denominator) filter (where metric_id = 'cost_per_lead') as lead_customers,
        max(denominator) filter (where metric_id = 'cac') as new_customers,
        max(numerator) filter (where metric_id = 'roi')
        + max(denominator) filter (where metric_id = 'roi') as net_gmv_cny,
        max(value) filter (where metric_id = 'cost_per_lead') as cost_per_lead_cny,
        max(value) filter (where metric_id = 'cac') as cac_cny,
        max(value) filter (where metric_id = 'roi') as roi_rate,
        bool_and(is_final) as is_final,
        min(completeness) as completeness,
        max(as_of_at) as as_of_at
    from kpis
    group by period_start_date, dimension_value
)

select
    period_start_date as report_date,
    dimension_value as channel_id,
    'last_touch' as attribution_model,
    cast(ad_cost_cny as decimal(18, 4)) as ad_cost_cny,
    cast(impressions as bigint) as impressions,
    cast(clicks as bigint) as clicks,
    cast(platform_conversions as bigint) as platform_conversions,
    cast(lead_customers as bigint) as lead_customers,
    cast(new_customers as bigint) as new_customers,
    cast(net_gmv_cny as decimal(18, 2)) as net_gmv_cny,
    cast(cost_per_lead_cny as double) as cost_per_lead_cny,
    cast(cac_cny as double) as cac_cny,
    cast(roi_rate as double) as roi_rate,
    is_final,
    completeness,
    as_of_at
from costs
