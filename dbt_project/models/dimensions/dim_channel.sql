-- Grain: one row per channel.
select
    channel_id,
    name_zh,
    name_en,
    channel_type,
    nullif(ad_platform, '') as ad_platform,
    nullif(site_set, '') as site_set,
    -- its cost lands from an ad platform that is pulled, so cost ratios make sense for it
    coalesce(
        ad_platform in (select distinct source from {{ ref('stg_manifest__pulls') }}), false
    ) as has_ad_report
from {{ ref('seed_channels') }}
