"""WeChat Store: same host and token as an official account, some codes of its own."""

from typing import ClassVar

from extractors.core.context import PullContext
from extractors.core.errors import Rule
from extractors.wechat_oa.client import RULES, WHITE_LIST, OfficialAccountClient


class StoreClient(OfficialAccountClient):
    """Calls of one store's appid; every answer has an `errcode`."""

    vendor = "WeChat Store"
    rules: ClassVar = {
        **RULES,
        45035: Rule("this machine's IP is not in the white list", action=WHITE_LIST),
        61004: Rule("this machine's IP is not registered", action=WHITE_LIST),
    }


def connect(pull: PullContext) -> StoreClient:
    """The client of a pull."""
    return StoreClient(pull)
