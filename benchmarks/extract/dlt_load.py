"""dlt to Parquet files: the answers' elements through a resource, extracted, normalised, loaded.

dlt flattens nested objects by itself and makes tables of their own of lists.

Run (in its own environment): python dlt_load.py <address> <rows> ad_report|customers <folder>
"""

import os
import sys
from pathlib import Path

from bare import PAGES


def main(address: str, rows: str, what: str, folder: str) -> int:
    os.environ["DLT_DATA_DIR"] = str(Path(folder, "dlt"))
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = Path(folder, "out").as_uri()
    import dlt

    count = 0

    @dlt.resource(name=what, write_disposition="append")
    def pages():
        nonlocal count
        for page in PAGES[what](f"{address}/{rows}"):
            count += len(page)
            yield page

    pipeline = dlt.pipeline("bench", destination="filesystem", dataset_name="bench")
    pipeline.run(pages(), loader_file_format="parquet")
    return count


if __name__ == "__main__":
    from figures import timed

    timed(main, *sys.argv[1:])
