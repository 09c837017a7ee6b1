-- Grain: one row per account, customer-service account and business day that had sessions.
with newest_pull as (
    select *
    from {{ source('wecom', 'kf_corp_statistic') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    open_kfid as service_account_id,
    event_date as report_date,
    session_cnt as sessions,
    customer_cnt as customers,
    customer_msg_cnt as customer_messages,
    upgrade_service_customer_cnt as upgraded_customers,
    ai_session_reply_cnt as assistant_sessions,
    -- of the platform: kept to compare with, never added or averaged
    ai_transfer_rate as assistant_transfer_rate,
    ai_knowledge_hit_rate as assistant_hit_rate,
    -- customers whom staff muted, not the reverse
    msg_rejected_customer_cnt as muted_customers,
    _pulled_at as pulled_at
from newest_pull
