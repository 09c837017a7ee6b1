"""WeChat Channels live: the store's host, token, envelope and codes."""

from extractors.core.context import PullContext
from extractors.wechat_store.client import StoreClient


class LiveClient(StoreClient):
    """Calls of one store's appid; every answer has an `errcode`."""

    vendor = "WeChat Channels live"


def connect(pull: PullContext) -> LiveClient:
    """The client of a pull."""
    return LiveClient(pull)
