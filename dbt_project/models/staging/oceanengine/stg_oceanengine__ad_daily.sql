-- Grain: one row per account, project, promotion and business day.
with newest_pull as (
    {{ newest_pull_of('oceanengine', 'promotion_report') }}
)

select
    _account as account,
    cdp_project_id as campaign_id,
    cdp_project_name as campaign_name,
    cdp_promotion_id as adgroup_id,
    cdp_promotion_name as adgroup_name,
    cast(null as varchar) as placement,
    event_date as report_date,
    show_cnt as impressions,
    click_cnt as clicks,
    {{ to_cny('stat_cost') }} as ad_cost_cny,
    convert_cnt as conversions_event_clock,
    attribution_convert_cnt as conversions_billing_clock,
    attribution_work_wechat_added_count as wechat_adds_billing_clock,
    deep_convert_cnt as deep_conversions_event_clock,
    attribution_deep_convert_cnt as deep_conversions_billing_clock,
    in_app_order as in_app_orders,
    {{ to_cny('in_app_order_gmv') }} as in_app_order_gmv_cny,
    _pulled_at as pulled_at
from newest_pull
