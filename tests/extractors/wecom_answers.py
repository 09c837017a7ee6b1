"""What the tests of WeCom streams share: the documented samples' ids, and a scripted platform."""

import json
from datetime import timedelta

from responses.matchers import json_params_matcher
from vendor_accounts import BASE, YESTERDAY

from siyu.calendar import start_of

API = f"{BASE}/cgi-bin/externalcontact"
OK = {"errcode": 0, "errmsg": "ok"}
NOON = 12 * 3600


def second(day, clock=NOON):
    """A moment of a Shanghai day, as WeCom writes it."""
    return int(start_of(day).timestamp()) + clock


def says(platform, path, answer, **asked):
    """POST `path` with (at least) these parameters gets this answer."""
    platform.post(
        f"{BASE}/cgi-bin/{path}",
        json={**OK, **answer},
        match=[json_params_matcher(asked, strict_match=False)],
    )


def bodies(platform, path):
    """The bodies of the calls made to a path, in order."""
    return [
        json.loads(call.request.body)
        for call in platform.calls
        if call.request.url.split("?")[0].endswith(path)
    ]


def staff(platform, *userids):
    platform.get(f"{API}/get_follow_user_list", json={**OK, "follow_user": list(userids)})


def everything(rows):
    """All that landed, as one text to look for what must not be in it."""
    return json.dumps(list(rows.values()), default=str, ensure_ascii=False)


BEFORE = YESTERDAY - timedelta(1)
