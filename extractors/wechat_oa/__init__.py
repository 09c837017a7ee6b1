"""WeChat official accounts (微信公众号): what published articles achieved."""

from extractors.wechat_oa.articles import ArticleTotalDetail

STREAMS = (ArticleTotalDetail,)
