"""The names of all streams and accounts, as the extractors use them: `source.stream`.

Letters say what a stream is: R report (values of a business day, revised), E entity (the present
state of a list), V event (things that happened once). A `+` says that rows carry a channel.
"""

from dataclasses import dataclass

_STREAMS = {
    "wecom": """
        follow_user E, customer E, group_chat E, user_behavior R, group_statistic R, department E,
        staff E, corp_tag E, group_member E, group_message R, group_message_task R,
        group_message_recipient R, moment R, moment_task R, moment_recipient R, moment_comment R,
        moment_visible_customer R, acquisition_link E, acquisition_customer E,
        acquisition_statistic R, acquisition_quota E, contact_way E, bill V, fund_flow R,
        kf_account E, kf_corp_statistic R, kf_servicer_statistic R, callback_event V
    """,
    "wechat_oa": """
        article_total_detail R, article_read R, article_share R, biz_summary R, user_summary R,
        user_cumulate R, upstream_message R
    """,
    "wechat_store": "order V, aftersale V, compass_shop_overall R",
    "wechat_channels_live": "live_session R, live_dashboard R",
    "douyin": "video E, video_daily R, account_daily R, video_base E, fans_profile E",
    "page_events": "page_event V+",
    "oceanengine": """
        project_report R, promotion_report R, project E, promotion E, account_report R
    """,
    "tencent_ads": """
        daily_report_request_time R+, daily_report_reporting_time R+, hourly_report R+, adgroup E
    """,
    "kuaishou": "campaign_report R, unit_report R",
    "baidu": "campaign_report R, adgroup_report R",
    "juguang": "campaign_report R, realtime_campaign_report R",
}
ACCOUNTS = {
    "wecom": ("corp_main",),
    "wechat_oa": ("oa_main",),
    "wechat_store": ("shop_main",),
    "wechat_channels_live": ("shop_main",),
    "douyin": ("dy_main", "dy_second"),
    "page_events": ("h5_main", "mini_main"),
    "oceanengine": ("30001", "30002"),
    "tencent_ads": ("20001", "20002"),
    "kuaishou": ("40001",),
    "baidu": ("50001",),
    "juguang": ("60001",),
}


@dataclass(frozen=True)
class StreamInfo:
    """What a fault must know of a stream: `kind` is R, E or V."""

    kind: str
    has_channels: bool


def _parsed(text: str) -> dict[str, StreamInfo]:
    pairs = (entry.split() for entry in text.split(","))
    return {name: StreamInfo(letters[0], letters.endswith("+")) for name, letters in pairs}


# source -> stream -> what it is
STREAMS: dict[str, dict[str, StreamInfo]] = {
    source: _parsed(text) for source, text in _STREAMS.items()
}
WITH_CHANNELS = tuple(
    s for s, streams in STREAMS.items() if any(stream.has_channels for stream in streams.values())
)
