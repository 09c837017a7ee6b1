-- Grain: one row per platform, account, ad object (the finest the platform reports), placement and
-- business day. A view: the fact asks for some days, and only these days' files are opened.
{{ config(materialized='view') }}

{% set platforms = ['tencent_ads', 'oceanengine', 'kuaishou', 'baidu', 'juguang'] %}

with platforms as (
    {% for platform in platforms %}
        select
            '{{ platform }}' as platform,
            account,
            campaign_id,
            campaign_name,
            adgroup_id,
            adgroup_name,
            placement,
            report_date,
            impressions,
            clicks,
            ad_cost_cny,
            conversions_event_clock,
            conversions_billing_clock,
            wechat_adds_billing_clock
        from {{ ref('stg_' ~ platform ~ '__ad_daily') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    platforms.*,
    coalesce(platforms.adgroup_id, platforms.campaign_id) as ad_object_id,
    coalesce(channels.channel_id, 'unknown') as channel_id
from platforms
left join {{ ref('dim_channel') }} as channels
    on
        platforms.platform = channels.ad_platform
        -- a channel without a placement takes all of its platform's
        and (channels.site_set is null or platforms.placement = channels.site_set)
