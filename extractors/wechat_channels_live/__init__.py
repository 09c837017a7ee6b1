"""WeChat Channels live (视频号直播): sessions, and what each of them brought."""

from extractors.wechat_channels_live.sessions import LiveDashboard, LiveSession

FAMILY = "content"
NAME_ZH = "视频号直播"
STREAMS = (LiveSession, LiveDashboard)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {}
