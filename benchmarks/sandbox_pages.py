"""How fast the sandbox starts and serves; prints one JSON document.

Run: python benchmarks/sandbox_pages.py [--size demo] [--seconds 2]

`records_per_second` counts the records of prepared pages (asked before) as the client receives
their bytes over HTTP; the client does not parse them, because the sandbox is what is measured.
"""

import argparse
import http.client
import json
import time
from urllib.parse import urlencode, urlsplit

from sandbox.server import start

AT = "2026-06-25T10:30:00+08:00"
NOW = 1_782_354_600  # the same moment in seconds


def rate(connection: http.client.HTTPConnection, seconds: float, ask) -> dict:
    """Ask again and again; requests a second and milliseconds each."""
    ask(connection, 0)  # prepare the page
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        count += 1
        ask(connection, count)
    return {
        "requests_per_second": round(count / elapsed),
        "milliseconds": round(1000 * elapsed / count, 3),
    }


def send(connection: http.client.HTTPConnection, method: str, path: str, body=None) -> bytes:
    connection.request(method, path, json.dumps(body) if body is not None else None)
    return connection.getresponse().read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="demo")
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()

    began = time.perf_counter()
    with start(options.size, 7, rate_limit_scale=0) as handle:
        result: dict = {
            "size": options.size,
            "start_seconds": round(time.perf_counter() - began, 2),
        }
        connection = http.client.HTTPConnection(urlsplit(handle.url).netloc)
        began = time.perf_counter()
        moved = json.loads(send(connection, "PUT", "/_sandbox/clock", {"now": AT}))
        result["drops"] = {
            "files": moved["drops_written"],
            "seconds": round(time.perf_counter() - began, 2),
        }
        listed = json.loads(send(connection, "GET", "/_sandbox/accounts"))["accounts"]
        accounts = {a["account"]: a for a in listed}
        corp, ads = accounts["corp_main"], accounts["20001"]

        token = json.loads(
            send(
                connection,
                "GET",
                "/cgi-bin/gettoken?"
                + urlencode(
                    {
                        "corpid": corp["options"]["corpid"],
                        "corpsecret": corp["credentials"]["secret"],
                    }
                ),
            )
        )["access_token"]
        base = "/cgi-bin/externalcontact/"
        users = json.loads(
            send(connection, "GET", f"{base}get_follow_user_list?access_token={token}")
        )["follow_user"][:100]
        customers = {"userid_list": users, "limit": 100}
        page = rate(
            connection,
            options.seconds,
            lambda c, _: send(
                c, "POST", f"{base}batch/get_by_user?access_token={token}", customers
            ),
        )
        result["customers"] = page | {
            "records_per_page": 100,
            "records_per_second": 100 * page["requests_per_second"],
        }
        day = {"userid": users[:1], "start_time": NOW - 8 * 86_400, "end_time": NOW - 86_400}
        result["user_behavior"] = rate(
            connection,
            options.seconds,
            lambda c, _: send(c, "POST", f"{base}get_user_behavior_data?access_token={token}", day),
        )

        token = json.loads(
            send(
                connection,
                "GET",
                "/oauth/token?"
                + urlencode(
                    {
                        "client_id": ads["options"]["client_id"],
                        "grant_type": "refresh_token",
                        **ads["credentials"],
                    }
                ),
            )
        )["data"]["access_token"]
        query = urlencode(
            {
                "access_token": token,
                "account_id": "20001",
                "timestamp": NOW,
                "level": "REPORT_LEVEL_ADGROUP",
                "page_size": 2000,
                "group_by": '["date","adgroup_id","site_set"]',
                "fields": '["date","adgroup_id","site_set","view_count","valid_click_count","cost",'
                '"conversions_count"]',
                "date_range": '{"start_date":"2026-03-28","end_date":"2026-06-24"}',
            }
        )
        path = f"/v3.0/daily_reports/get?{query}&nonce="
        rows = json.loads(send(connection, "GET", path + "first"))["data"]["page_info"][
            "total_number"
        ]
        page = rate(connection, options.seconds, lambda c, n: send(c, "GET", f"{path}{n}"))
        result["ad_report"] = page | {
            "records_per_page": rows,
            "records_per_second": rows * page["requests_per_second"],
        }
        result["best_records_per_second"] = max(
            result["customers"]["records_per_second"], result["ad_report"]["records_per_second"]
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
