"""Which stream an address serves, and whose: what faults in answers need to know of vendors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_WECOM = {
    "externalcontact/get_follow_user_list": "follow_user",
    "externalcontact/list": "customer",
    "externalcontact/get": "customer",
    "externalcontact/batch/get_by_user": "customer",
    "externalcontact/get_corp_tag_list": "corp_tag",
    "externalcontact/get_user_behavior_data": "user_behavior",
    "externalcontact/groupchat/list": "group_chat",
    "externalcontact/groupchat/get": "group_member",
    "externalcontact/groupchat/statistic": "group_statistic",
    "externalcontact/groupchat/statistic_group_by_day": "group_statistic",
    "externalcontact/get_groupmsg_list_v2": "group_message",
    "externalcontact/get_groupmsg_task": "group_message_task",
    "externalcontact/get_groupmsg_send_result": "group_message_recipient",
    "externalcontact/get_moment_list": "moment",
    "externalcontact/get_moment_task": "moment_task",
    "externalcontact/get_moment_customer_list": "moment_visible_customer",
    "externalcontact/get_moment_send_result": "moment_recipient",
    "externalcontact/get_moment_comments": "moment_comment",
    "externalcontact/customer_acquisition/list_link": "acquisition_link",
    "externalcontact/customer_acquisition/get": "acquisition_link",
    "externalcontact/customer_acquisition/customer": "acquisition_customer",
    "externalcontact/customer_acquisition/statistic": "acquisition_statistic",
    "externalcontact/customer_acquisition_quota": "acquisition_quota",
    "externalcontact/list_contact_way": "contact_way",
    "externalcontact/get_contact_way": "contact_way",
    "externalpay/get_bill_list": "bill",
    "externalpay/get_fund_flow": "fund_flow",
    "kf/account/list": "kf_account",
    "kf/get_corp_statistic": "kf_corp_statistic",
    "kf/get_servicer_statistic": "kf_servicer_statistic",
    "user/list": "staff",
    "user/list_id": "staff",
    "user/simplelist": "staff",
    "department/list": "department",
    "department/simplelist": "department",
}
_OA = {
    "getarticletotaldetail": "article_total_detail",
    "getarticleread": "article_read",
    "getarticleshare": "article_share",
    "getbizsummary": "biz_summary",
    "getusersummary": "user_summary",
    "getusercumulate": "user_cumulate",
}
_CHANNELS = {
    "ec/order/list/get": "order",
    "ec/order/get": "order",
    "ec/aftersale/getaftersalelist": "aftersale",
    "ec/aftersale/getaftersaleorder": "aftersale",
    "livedashboard/getlivelist": "live_session",
    "livedashboard/getlivedata": "live_dashboard",
    "ec/compass/shop/live/list/get": "live_session",
}
# answers that hold one object where others hold rows: where it is
OBJECTS = {
    "/channels/ec/order/get": ("order",),
    "/channels/ec/aftersale/getaftersaleorder": ("after_sale_order",),
    "/channels/ec/compass/shop/overall/get": ("data",),
    "/channels/ec/compass/finder/overall/get": ("data",),
    "/channels/ec/compass/shop/product/data/get": ("product_info", "data"),
    "/channels/livedashboard/getlivedata": (),
    "/data/external/item/base/": ("data", "result"),
    "/api/douyin/v1/user/fans_data/": ("data", "fans_data"),
    "/cgi-bin/externalcontact/get": ("external_contact",),
    "/cgi-bin/externalcontact/customer_acquisition/get": ("link",),
    "/cgi-bin/externalcontact/get_contact_way": ("contact_way",),
    "/cgi-bin/externalcontact/customer_acquisition/statistic": (),
}
# rows that are themselves lists of days
NESTED = {"/datacube/getarticletotaldetail": "detail_list"}
_AUTH = ("token", "oauth", "authori")


# paging, and what differs from call to call without changing what is asked
_NOT_THE_QUESTION = frozenset(
    {
        "cursor",
        "next_cursor",
        "next_key",
        "last_buffer",
        "page",
        "page_num",
        "page_no",
        "pageNum",
        "page_size",
        "pageSize",
        "page_index",
        "limit",
        "offset",
        "count",
        "start_row",
        "rowCount",
        "startRow",
        "size",
        "access_token",
        "timestamp",
        "nonce",
        "header",
        "request_id",
    }
)


@dataclass(frozen=True)
class Call:
    """One request, as far as faults look at it."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, Any]:
        """The JSON body, if it is an object."""
        try:
            parsed = orjson.loads(self.body) if self.body.strip() else {}
        except orjson.JSONDecodeError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def is_authorisation(self) -> bool:
        """Tokens and codes, not data."""
        return any(word in self.path.lower() for word in _AUTH)

    @property
    def question(self) -> bytes:
        """What is asked for, whichever page of it: pages of one list share it."""
        asked = {**self.query, **self.form}
        kept = {key: value for key, value in asked.items() if key not in _NOT_THE_QUESTION}
        return orjson.dumps([self.path, kept], option=orjson.OPT_SORT_KEYS)

    def values(self) -> set[str]:
        """Every plain value of query and body, as text."""
        found = set(self.query.values())
        stack: list[Any] = [self.form]
        while stack:
            value = stack.pop()
            if isinstance(value, dict):
                stack.extend(value.values())
            elif isinstance(value, list):
                stack.extend(value)
            else:
                found.add(str(value))
        return found


def source_of(call: Call, store_appids: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The sources an address belongs to; none for the sandbox's own pages and the robot."""
    path = call.path
    if path in ("/cgi-bin/token", "/cgi-bin/stable_token"):
        is_store = bool(call.values() & store_appids)
        return ("wechat_store", "wechat_channels_live") if is_store else ("wechat_oa",)
    if path.startswith("/cgi-bin/webhook"):
        return ()
    if path.startswith("/channels/ec/compass/shop/live/"):
        return ("wechat_channels_live",)
    for prefix, source in (
        ("/cgi-bin/", "wecom"),
        ("/datacube/", "wechat_oa"),
        ("/channels/livedashboard/", "wechat_channels_live"),
        ("/channels/", "wechat_store"),
        ("/open_api/", "oceanengine"),
        ("/rest/openapi/", "kuaishou"),
        ("/json/sms/", "baidu"),
        ("/oauth/accessToken", "baidu"),
        ("/oauth/refreshToken", "baidu"),
        ("/api/open/", "juguang"),
        ("/v3.0/", "tencent_ads"),
        ("/data/external/", "douyin"),
        ("/api/douyin/", "douyin"),
        ("/video/", "douyin"),
    ):
        if path.startswith(prefix):
            return (source,)
    if path.startswith("/oauth/"):
        return ("douyin",) if path.endswith("/") else ("tencent_ads",)
    return ()


def stream_of(source: str, call: Call) -> str:
    """The stream a call serves, empty where it is none's."""
    return _STREAM_OF.get(source, lambda _: "")(call)


def _wecom(call: Call) -> str:
    return _WECOM.get(call.path.removeprefix("/cgi-bin/"), "")


def _oa(call: Call) -> str:
    name = call.path.removeprefix("/datacube/")
    return "upstream_message" if name.startswith("getupstreammsg") else _OA.get(name, "")


def _channels(call: Call) -> str:
    path = call.path.removeprefix("/channels/")
    is_compass = path.startswith("ec/compass/") and path not in _CHANNELS
    return "compass_shop_overall" if is_compass else _CHANNELS.get(path, "")


def _douyin(call: Call) -> str:
    if "/video" in call.path:
        return "video"
    if call.path.endswith("/item/base/"):
        return "video_base"
    if "/external/item/" in call.path:
        return "video_daily"
    if "/external/user/" in call.path:
        return "account_daily"
    return "fans_profile" if "fans_data" in call.path else ""


def _tencent(call: Call) -> str:
    if "hourly_reports" in call.path:
        return "hourly_report"
    if "adgroups" in call.path:
        return "adgroup"
    if "daily_reports" in call.path or "async_report" in call.path:
        is_reporting = b"REPORTING_TIME" in call.body or "REPORTING_TIME" in "".join(
            call.query.values()
        )
        return f"daily_report_{'reporting' if is_reporting else 'request'}_time"
    return ""


def _oceanengine(call: Call) -> str:
    if "/project/list" in call.path:
        return "project"
    if "/promotion/list" in call.path:
        return "promotion"
    if "/report/" not in call.path:
        return ""
    dimensions = call.query.get("dimensions", "") + call.body.decode(errors="replace")
    if "cdp_promotion_id" in dimensions:
        return "promotion_report"
    return "project_report" if "cdp_project_id" in dimensions else "account_report"


def _kuaishou(call: Call) -> str:
    return "unit_report" if "unit_report" in call.path else _report(call, "campaign_report")


def _baidu(call: Call) -> str:
    return "adgroup_report" if "2284618" in call.values() else _report(call, "campaign_report")


def _juguang(call: Call) -> str:
    if "/realtime/" in call.path:
        return "realtime_campaign_report"
    return _report(call, "campaign_report")


def _report(call: Call, name: str) -> str:
    return name if "eport" in call.path else ""


_STREAM_OF: dict[str, Callable[[Call], str]] = {
    "wecom": _wecom,
    "wechat_oa": _oa,
    "wechat_store": _channels,
    "wechat_channels_live": _channels,
    "douyin": _douyin,
    "tencent_ads": _tencent,
    "oceanengine": _oceanengine,
    "kuaishou": _kuaishou,
    "baidu": _baidu,
    "juguang": _juguang,
}
