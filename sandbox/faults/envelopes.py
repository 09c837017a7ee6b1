"""How each vendor says no: the envelope of an error, and the codes that faults need."""

import itertools

import orjson

_numbers = itertools.count(1)

# source -> code of (a fatal refusal, the daily quota, a busy system)
CODES: dict[str, tuple[int, int, int]] = {
    "wecom": (48002, 45009, -1),
    "wechat_oa": (48001, 45009, -1),
    "wechat_store": (48001, 45009, -1),
    "wechat_channels_live": (48001, 45009, -1),
    "douyin": (10004, 2100004, 28001005),
    "oceanengine": (40002, 40130, 50000),
    "tencent_ads": (11014, 11018, 10000),
    "kuaishou": (402004, 402005, 500001),
    "baidu": (8302, 8904, 8901),
    "juguang": (10403, 10429, 10500),
}
_WORDS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    42001: "access_token expired",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, please retry next minute",
    48001: "api unauthorized",
    48002: "api forbidden",
    50002: "user limited",
    61503: "data not ready",
}


def refusal(source: str, code: int) -> bytes:
    """The body with which a vendor refuses; status 200, as all of them answer."""
    words = _WORDS.get(code, f"sandbox fault {code}")
    number = f"fault{next(_numbers):08d}"
    if source == "douyin":
        body = {
            "data": {"error_code": code, "description": words},
            "extra": {
                "error_code": code,
                "description": words,
                "sub_error_code": 0,
                "sub_description": "",
                "logid": number,
                "now": 0,
            },
        }
    elif source == "oceanengine":
        body = {"code": code, "message": words, "request_id": number, "data": {}}
    elif source == "tencent_ads":
        body = {
            "code": code,
            "message": f"{words} (trace_id: {number})",
            "message_cn": "请求失败",
            "data": {},
            "trace_id": number,
        }
    elif source == "kuaishou":
        body = {"code": code, "message": words, "request_id": number, "data": {}}
    elif source == "baidu":
        status = 3 if code == CODES["baidu"][2] else 2
        failure = {"code": code, "message": words, "position": "", "id": 0, "content": ""}
        head = {"status": status, "desc": "failure", "failures": [failure], "oprs": 0}
        body = {"header": head, "body": {}}
    elif source == "juguang":
        body = {"code": code, "success": False, "msg": words, "request_id": number, "data": None}
    else:
        body = {"errcode": code, "errmsg": words}
    return orjson.dumps(body)
