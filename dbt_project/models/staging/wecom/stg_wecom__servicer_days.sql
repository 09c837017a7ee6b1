-- Grain: one row per account, customer-service account, servicer and business day that had sessions.
with newest_pull as (
    select *
    from {{ source('wecom', 'kf_servicer_statistic') }}
    qualify _pulled_at = max(_pulled_at) over (partition by _account, event_date)
)

select
    _account as account,
    open_kfid as service_account_id,
    servicer_userid as staff_id,
    event_date as report_date,
    session_cnt as sessions,
    customer_cnt as customers,
    customer_msg_cnt as customer_messages,
    -- ratios and a mean of the platform: null where it had nothing to divide by
    reply_rate,
    first_reply_average_sec as average_first_reply_seconds,
    satisfaction_investgate_cnt as surveys_sent,
    satisfaction_participation_rate as survey_answer_rate,
    satisfied_rate,
    middling_rate,
    dissatisfied_rate,
    -- the platform gives rates of answers; their number follows from its own rate
    cast(round(satisfaction_investgate_cnt * satisfaction_participation_rate) as bigint)
        as surveys_answered,
    cast(
        round(satisfaction_investgate_cnt * satisfaction_participation_rate * satisfied_rate)
        as bigint
    ) as surveys_satisfied,
    upgrade_service_customer_cnt as upgraded_customers,
    msg_rejected_customer_cnt as muted_customers,
    _pulled_at as pulled_at
from newest_pull
