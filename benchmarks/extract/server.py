"""Serves prepared pages of two vendors in their real sizes, fast: clients are what is measured.

Run: python benchmarks/extract/server.py    (prints its address; ends with its standard input)

`<address>/<rows>/…` answers with that many rows in all: Tencent Ads daily reports (2,000 rows a
page, 80 business days) and WeCom customers (100 a page, by cursor, 400 members of staff). Every
page is one prepared text in which only its number is put in.
"""

import asyncio
import json
import sys
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

FIRST_DAY = date(2026, 1, 1)
DAYS = 80
LAST_DAY = FIRST_DAY + timedelta(DAYS - 1)
ROWS_PER_REPORT_PAGE = 2000
CUSTOMERS_PER_PAGE = 100
STAFF = [f"staff{n:04d}" for n in range(400)]
STAFF_PER_CALL = 100
SITE_SETS = ("SITE_SET_MOMENTS", "SITE_SET_WECHAT", "SITE_SET_CHANNELS", "SITE_SET_TENCENT_NEWS")
# takes the place of a page's number in its prepared text
NUMBER = b"#######"


def report_page() -> tuple[bytes, dict]:
    """The rows of one page and their sums; the day is put in as well."""
    rows, sums = [], dict.fromkeys(("cost", "view_count", "valid_click_count"), 0)
    sums["conversions_count"] = 0
    for n in range(ROWS_PER_REPORT_PAGE):
        row = {
            "date": "####-##-##",
            "account_id": 20001,
            "adgroup_id": f"1{NUMBER.decode()}{n // 4:04d}",
            "adgroup_name": f"暑期拉新-{n // 4:04d}",
            "site_set": SITE_SETS[n % 4],
            "view_count": 1000 + n * 7 % 9000,
            "valid_click_count": n * 13 % 400,
            "cost": 10_000 + n * 31 % 90_000,
            "conversions_count": n % 23,
            "scan_follow_user_count": n % 11,
        }
        for measure in sums:
            sums[measure] += row[measure]
        rows.append(row)
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), sums


def customers_page() -> bytes:
    """The pairs of one page, with the fields of the contract."""
    pairs = []
    for n in range(CUSTOMERS_PER_PAGE):
        external_userid = f"wmXyZbBwAA{NUMBER.decode()}{n:03d}aHvKqTn4p"
        pairs.append(
            {
                "external_contact": {
                    "external_userid": external_userid,
                    "name": f"客户{n:03d}",
                    "position": "",
                    "avatar": f"http://wx.qlogo.cn/mmhead/Q3auHgzwzM{n:03d}/0",
                    "corp_name": "",
                    "corp_full_name": "",
                    "type": 1,
                    "gender": n % 3,
                    "unionid": f"ozynqsulJFCZ2z1aYeS8h{NUMBER.decode()}{n:03d}",
                },
                "follow_info": {
                    "userid": f"staff{n % 100:04d}",
                    "remark": f"老客户{n:03d}",
                    "description": "",
                    "createtime": 1_767_000_000 + n * 3600,
                    "tag_id": ["etAJ2GCAAAXtWyujaWJHDDGi0mACHAAA"] if n % 3 else [],
                    "remark_mobiles": [],
                    "add_way": (1, 2, 3, 16)[n % 4],
                    "oper_userid": f"staff{n % 100:04d}",
                    "state": f"page-{n % 40}",
                },
            }
        )
    return json.dumps(pairs, ensure_ascii=False, separators=(",", ":")).encode()


REPORT, SUMS = report_page()
CUSTOMERS = customers_page()


def report(rows: int, query: dict) -> bytes:
    """A page of daily_reports/get; 80 days, each with as many pages."""
    pages = max(DAYS, rows // ROWS_PER_REPORT_PAGE)
    info = (
        b'{"code":0,"message":"","data":'
        b'{"page_info":{"page":%d,"page_size":2000,"total_page":%d},"list":%s}}'
    )
    if "ADVERTISER" in query["level"][0]:
        days = [
            {"date": str(FIRST_DAY + timedelta(n)), **{k: v * per for k, v in SUMS.items()}}
            for n in range(DAYS)
            if (per := sum(p * DAYS // pages == n for p in range(pages)))
        ]
        return info % (1, 1, json.dumps(days).encode())
    page = int(query["page"][0])
    day = str(FIRST_DAY + timedelta((page - 1) * DAYS // pages)).encode()
    body = REPORT.replace(NUMBER, b"%07d" % page).replace(b"####-##-##", day)
    return info % (page, pages, body)


def customers(rows: int, body: dict) -> bytes:
    """A page of batch/get_by_user: each group of 100 members has its share of the pages."""
    groups = len(STAFF) // STAFF_PER_CALL
    pages = max(1, rows // CUSTOMERS_PER_PAGE // groups)
    group = STAFF.index(body["userid_list"][0]) // STAFF_PER_CALL
    page = int(body.get("cursor") or 0)
    cursor = str(page + 1) if page + 1 < pages else ""
    number = b"%07d" % (group * pages + page)
    return b'{"errcode":0,"errmsg":"ok","external_contact_list":%s,"next_cursor":"%s"}' % (
        CUSTOMERS.replace(NUMBER, number),
        cursor.encode(),
    )


def answer(method: str, target: str, body: bytes) -> bytes:
    """The JSON for a request."""
    parts = urlsplit(target)
    rows, _, path = parts.path.lstrip("/").partition("/")
    if path == "v3.0/daily_reports/get":
        return report(int(rows), parse_qs(parts.query))
    if path == "cgi-bin/externalcontact/batch/get_by_user":
        return customers(int(rows), json.loads(body))
    if path == "cgi-bin/externalcontact/get_follow_user_list":
        return json.dumps({"errcode": 0, "follow_user": STAFF}).encode()
    if path == "cgi-bin/gettoken":
        return b'{"errcode":0,"access_token":"t","expires_in":7200}'
    if path == "oauth/token":
        return b'{"code":0,"data":{"access_token":"t","access_token_expires_in":86400}}'
    raise ValueError(f"{method} {target}")


class Connection(asyncio.Protocol):
    """HTTP/1.1 with kept connections, just enough of it."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Remember where answers go."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = self.buffer[:end].decode().split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines[1:])
            }
            length = int(headers.get("content-length") or 0)
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            method, target, _ = lines[0].split(" ")
            content = answer(method, target, body)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(content)
                + content
            )


async def serve() -> None:
    """Listen until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
