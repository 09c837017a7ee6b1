"""WeChat Store (微信小店): orders, the source of deals and GMV."""

from extractors.wechat_store.orders import Order

FAMILY = "commerce"
STREAMS = (Order,)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {}
