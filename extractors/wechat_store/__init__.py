"""WeChat Store (微信小店): orders (the source of deals and GMV), after-sales, daily totals.

There is no endpoint of products in the contract: they come with each order (`product_infos`).
"""

from extractors.wechat_store.aftersales import Aftersale
from extractors.wechat_store.compass import CompassShopOverall
from extractors.wechat_store.orders import Order

FAMILY = "commerce"
NAME_ZH = "微信小店"
STREAMS = (Order, Aftersale, CompassShopOverall)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {}
