-- Grain: one row per clock (request, reporting), account, adgroup, placement and business day.
{% for clock in ['request', 'reporting'] %}
    select
        '{{ clock }}' as clock,
        _account as account,
        adgroup_id,
        adgroup_name,
        site_set,
        event_date as report_date,
        view_count as impressions,
        valid_click_count as clicks,
        {{ fen_to_cny('cost') }} as ad_cost_cny,
        conversions_count as conversions,
        scan_follow_user_count as scan_follows,
        _pulled_at as pulled_at
    from (
        {{ newest_pull_of("tencent_ads", "daily_report_" ~ clock ~ "_time") }}
    ) as {{ clock }}_time
    {{ 'union all' if not loop.last }}
{% endfor %}
