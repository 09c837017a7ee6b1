"""WeChat Store (微信小店): orders, the source of deals and GMV."""

from extractors.wechat_store.orders import Order

STREAMS = (Order,)
