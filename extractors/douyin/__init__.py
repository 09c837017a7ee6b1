"""Douyin Open Platform (抖音开放平台): videos and their days, the account's days, its fans."""

from extractors.douyin.account import AccountDaily, FansProfile
from extractors.douyin.videos import Video, VideoBase, VideoDaily

FAMILY = "content"
NAME_ZH = "抖音"
STREAMS = (Video, VideoDaily, AccountDaily, VideoBase, FansProfile)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "dy_client_token": "a token, no data: it opens the app's own endpoints, and every stream "
    "reads an account's",
    "dy_access_token": "a token, no data: the client of every stream refreshes and renews it",
    "dy_video_data": "the same figures as video_list, for videos whose ids must be known already",
    "dy_userinfo": "name, avatar, gender and place of the account's owner: personal, and no "
    "metric asks for them",
}
