-- Grain: one row per business day that is over and channel ('all' = total). Each step counts on its
-- own day, under its own channel: own parameter or contact way, else last touch.
with final_flags as (
    select
        period_start_date,
        dimension_value,
        bool_or(value is not null) filter (where metric_id = 'new_customers') as has_adds,
        bool_or(value is not null) filter (where metric_id = 'gmv') as has_orders,
        bool_and(is_final) as is_final,
        min(completeness) as completeness,
        max(as_of_at) as as_of_at
    from {{ ref('mart_kpi_daily') }}
    where period = 'day' and metric_id in ('new_customers', 'gmv')
    group by period_start_date, dimension_value
),

page_steps as (
    select
        channel_id,
        event_date,
        bool_or(is_pulled) as is_pulled,
        bool_and(may_be_final and delay_days >= final_after_days) as is_final,
        -- steps weigh alike here: a reader looks at each of them
        min(completeness) as completeness
    from {{ ref('int_input_days') }}
    where
        source = 'page_events' and measure in ('lead_form', 'booking', 'redemption')
    group by channel_id, event_date
)

select
    flags.period_start_date as conversion_date,
    flags.dimension_value as channel_id,
    case when flags.has_adds then coalesce(steps.new_customers, 0) end as new_customers,
    case when pages.is_pulled then coalesce(steps.lead_customers, 0) end as lead_customers,
    case when pages.is_pulled then coalesce(steps.bookings, 0) end as bookings,
    case when pages.is_pulled then coalesce(steps.redemptions, 0) end as redemptions,
    case when flags.has_orders then coalesce(steps.paid_orders, 0) end as paid_orders,
    case when flags.has_orders then coalesce(steps.paying_customers, 0) end as paying_customers,
    cast(case when flags.has_orders then coalesce(steps.gmv_cny, 0) end as decimal(18, 2))
        as gmv_cny,
    cast(case when flags.has_orders then coalesce(steps.net_gmv_cny, 0) end as decimal(18, 2))
        as net_gmv_cny,
    coalesce(flags.is_final and pages.is_final, false) as is_final,
    least(flags.completeness, coalesce(pages.completeness, 0)) as completeness,
    flags.as_of_at
from final_flags as flags
left join {{ ref('int_conversions_by_period') }} as steps
    on
        steps.period = 'day'
        and flags.period_start_date = steps.period_start_date
        and flags.dimension_value = steps.dimension_value
left join page_steps as pages
    on
        flags.period_start_date = pages.event_date
        and flags.dimension_value = pages.channel_id
