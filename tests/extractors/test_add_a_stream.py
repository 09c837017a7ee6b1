"""docs/add-a-stream.md, followed to the letter in a copy of the repository."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/add-a-stream.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(?:python|sql|yaml)\n(?:#|--) (new file|add to|in): (\S+)\n(.*?)```", re.S)
# what the copy runs: the vendor's answers in memory, then the command a person would type
PULL = """
import json, sys
import responses
from click.testing import CliRunner
from siyu.cli import cli

BASE = "http://vendor.test"
with responses.RequestsMock() as vendor:
    token = {"access_token": "t", "access_token_expires_in": 86400}
    vendor.get(f"{BASE}/oauth/token", json={"code": 0, "data": token})
    for page, kind in ((1, "CASH"), (2, "GIFT")):
        row = {"date": "2026-04-13", "account_id": 20003, "fund_type": kind}
        row |= {"paid_in": 0, "paid_out": 12345 * page}
        info = {"page": page, "total_page": 2}
        vendor.get(
            f"{BASE}/v3.0/fund_statements/get",
            json={"code": 0, "data": {"list": [row], "page_info": info}},
        )
    words = ["pull", "--stream", "fund_statement", "--as-of", "2026-04-14T10:30+08:00", "--json"]
    result = CliRunner().invoke(cli, [*words, "--from", "2026-04-13", "--to", "2026-04-13"])
    print(result.stdout)
from extractors.catalogue import gaps
print(json.dumps(gaps()))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository's code with the page's blocks in it."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("extractors", "siyu", "dbt_project/models/staging/tencent_ads"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) == 6
    for how, name, text in blocks:
        path = folder / name
        if how == "new file":
            assert not path.exists(), name
            path.write_text(text, encoding="utf-8")
        elif name.endswith("endpoints.yml"):
            entries = path.read_text(encoding="utf-8")
            assert "\ntencent_ads:\n" in entries
            path.write_text(entries.replace("\ntencent_ads:\n", f"\ntencent_ads:\n{text}"))
        else:
            path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    return folder


def test_an_account_is_one_line_and_a_stream_one_class(copy):
    line = re.search(r"```yaml\n(  - \{source.*?\})\n```", PAGE, re.S).group(1)
    [entry] = yaml.safe_load(line)
    accounts = copy / "accounts.yml"
    there = {"accounts": [entry | {"base_url": "http://vendor.test"}]}
    accounts.write_text(yaml.safe_dump(there, allow_unicode=True))
    environment = {
        "SIYU_HOME": str(copy / "home"),
        "SIYU_ACCOUNTS_FILE": str(accounts),
        "SIYU_PSEUDONYM_KEY": "of the test",
        "SIYU_PULL_WORKERS": "1",
        "SIYU_SECRET_TENCENT_ADS_20003": '{"client_secret": "s", "refresh_token": "r"}',
        "PYTHONPATH": str(copy),
    }
    done = subprocess.run(
        [sys.executable, "-c", PULL],
        cwd=copy,
        env={k: v for k, v in os.environ.items() if not k.startswith("SIYU_")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    pulled, gaps = (json.loads(line) for line in done.stdout.splitlines() if line.strip())
    [result] = pulled["pulled"]
    assert result["error"] is None
    assert (result["rows"], result["event_dates"]) == (2, ["2026-04-13"])
    assert result["warnings"] == []
    assert gaps == []


def test_the_staging_blocks_are_what_dbt_reads(copy):
    folder = copy / "dbt_project/models/staging/tencent_ads"
    [source] = yaml.safe_load((folder / "_tencent_ads__sources.yml").read_text())["sources"]
    assert "fund_statement" in {table["name"] for table in source["tables"]}
    models = yaml.safe_load((folder / "_tencent_ads__models.yml").read_text())["models"]
    described = next(m for m in models if m["name"] == "stg_tencent_ads__fund_days")
    sql = (folder / "stg_tencent_ads__fund_days.sql").read_text()
    for column in described["data_tests"][0]["sound_rows"]["arguments"]["key"]:
        assert re.search(rf"\b{column}\b", sql)
