-- Grain: one row per account, acquisition link and business day. Customers who clicked are distinct
-- within the day: days do not add up to a longer window's figure.
with newest_pull as (
    select *
    from {{ source('wecom', 'acquisition_statistic') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    link_id,
    event_date as report_date,
    click_link_customer_cnt as clicking_customers,
    new_customer_cnt as new_customers,
    _pulled_at as pulled_at
from newest_pull
