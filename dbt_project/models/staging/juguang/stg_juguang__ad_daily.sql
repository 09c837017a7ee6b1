-- Grain: one row per account, campaign and business day.
-- Every figure stays on the day of the click; nothing is given on the day of the conversion.
with newest_pull as (
    {{ newest_pull_of('juguang', 'campaign_report') }}
)

select
    _account as account,
    campaign_id,
    campaign_name,
    cast(null as varchar) as adgroup_id,
    cast(null as varchar) as adgroup_name,
    placement,
    event_date as report_date,
    impression as impressions,
    click as clicks,
    {{ to_cny('fee') }} as ad_cost_cny,
    cast(null as bigint) as conversions_event_clock,
    valid_leads as conversions_billing_clock,
    -- only copies of a WeChat id are given, which are no adds
    cast(null as bigint) as wechat_adds_billing_clock,
    wechat_copy_cnt as wechat_copies,
    leads as forms,
    msg_leads_num as message_leads,
    interaction as interactions,
    goods_order as goods_orders,
    {{ to_cny('rgmv') }} as goods_gmv_cny,
    external_goods_order_30 as external_orders_30_days,
    {{ to_cny('external_rgmv_30') }} as external_gmv_30_days_cny,
    _pulled_at as pulled_at
from newest_pull
