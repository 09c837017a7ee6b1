"""WeChat official accounts (微信公众号): published content, followers, messages received."""

from extractors.wechat_oa.articles import ArticleTotalDetail
from extractors.wechat_oa.daily import (
    ArticleRead,
    ArticleShare,
    BizSummary,
    UpstreamMessage,
    UserCumulate,
    UserSummary,
)

FAMILY = "content"
NAME_ZH = "微信公众号"
STREAMS = (
    ArticleTotalDetail,
    ArticleRead,
    ArticleShare,
    BizSummary,
    UserSummary,
    UserCumulate,
    UpstreamMessage,
)
_OFFLINE = "taken offline by the platform: answers 47009 since 2026, for every date"
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "oa_token": "a token, no data; stable_token is used because minting here voids the token of "
    "every other process",
    "oa_stable_token": "a token, no data: the client of every stream calls it",
    "oa_article_summary_legacy": f"{_OFFLINE}; article_read and article_share replace it",
    "oa_article_total_legacy": f"{_OFFLINE}; article_total_detail replaces it",
    "oa_user_read_legacy": f"{_OFFLINE}; biz_summary replaces it",
    "oa_user_share_legacy": f"{_OFFLINE}; biz_summary replaces it",
}
