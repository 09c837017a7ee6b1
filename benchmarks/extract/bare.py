"""The least that can be done: requests, orjson, and pyarrow's zstd Parquet. No retries, no privacy.

Run: python benchmarks/extract/bare.py <address> <rows> ad_report|customers <folder>
"""

import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import requests

ROWS_AT_ONCE = 100_000


def report_pages(address: str):
    session, page, pages = requests.Session(), 1, 1
    while page <= pages:
        answer = session.get(
            f"{address}/v3.0/daily_reports/get",
            params={"level": "REPORT_LEVEL_ADGROUP", "page": page, "page_size": 2000},
        )
        data = orjson.loads(answer.content)["data"]
        pages = data["page_info"]["total_page"]
        yield data["list"]
        page += 1


def customer_pages(address: str):
    session = requests.Session()
    staff = orjson.loads(
        session.get(f"{address}/cgi-bin/externalcontact/get_follow_user_list").content
    )["follow_user"]
    for at in range(0, len(staff), 100):
        body, cursor = {"userid_list": staff[at : at + 100], "limit": 100}, ""
        while True:
            answer = session.post(
                f"{address}/cgi-bin/externalcontact/batch/get_by_user",
                json={**body, "cursor": cursor},
            )
            page = orjson.loads(answer.content)
            yield page["external_contact_list"]
            if not (cursor := page["next_cursor"]):
                break


def flat_customer_pages(address: str):
    for page in customer_pages(address):
        yield [pair["external_contact"] | pair["follow_info"] for pair in page]


# the answers' own elements, as tools that flatten by themselves get them; and flat rows
PAGES = {"ad_report": report_pages, "customers": customer_pages}
FLAT_PAGES = {"ad_report": report_pages, "customers": flat_customer_pages}


def main(address: str, rows: str, what: str, folder: str) -> int:
    path = Path(folder, "bare.parquet")
    writer, waiting, count = None, [], 0
    for page in FLAT_PAGES[what](f"{address}/{rows}"):
        waiting += page
        count += len(page)
        if len(waiting) >= ROWS_AT_ONCE:
            table = pa.Table.from_pylist(waiting, writer.schema if writer else None)
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            waiting = []
    if waiting:
        table = pa.Table.from_pylist(waiting, writer.schema if writer else None)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    writer.close()
    return count


if __name__ == "__main__":
    from figures import timed

    timed(main, *sys.argv[1:])
