-- Grain: one row per channel.
select
    channel_id,
    name_zh,
    name_en,
    channel_type,
    nullif(site_set, '') as site_set,
    -- its cost lands from an ad platform, so cost ratios make sense for it
    nullif(site_set, '') is not null as has_ad_report
from {{ ref('seed_channels') }}
