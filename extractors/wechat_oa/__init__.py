"""WeChat official accounts (微信公众号): what published articles achieved."""

from extractors.wechat_oa.articles import ArticleTotalDetail

FAMILY = "content"
STREAMS = (ArticleTotalDetail,)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {}
