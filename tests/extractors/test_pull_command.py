import json

import pytest
from click.testing import CliRunner
from test_core_pull import account, accounts_file, drops, entry  # noqa: F401 - fixtures

from siyu.cli import cli


@pytest.fixture
def siyu(settings, account, monkeypatch):  # noqa: F811 - the fixture
    accounts_file(settings, entry(account))
    monkeypatch.setenv("SIYU_ACCOUNTS_FILE", str(settings.accounts_file))
    return lambda *words: CliRunner().invoke(cli, list(words))


def test_pull_prints_what_landed(siyu):
    result = siyu("pull", "--as-of", "2026-04-14")
    assert result.exit_code == 0, result.output
    assert "page_events/h5_main page_event: 20 rows for 4 days" in result.output


def test_json_is_one_document(siyu):
    result = siyu("pull", "--as-of", "2026-04-14", "--json")
    [pulled] = json.loads(result.stdout)["pulled"]
    assert (pulled["stream"], pulled["rows"], pulled["error"]) == ("page_event", 20, None)


@pytest.mark.parametrize(
    "words",
    [
        ["--stream", "nope"],
        ["--from", "2026-04-14", "--to", "2026-04-15"],
        ["--from", "2026-04-13"],
        ["--from", "x", "--to", "y"],
        ["--account", "nope"],
    ],
)
def test_wrong_use_exits_with_2_and_a_way_out(siyu, words):
    result = siyu("pull", "--as-of", "2026-04-14", *words)
    assert result.exit_code == 2
    assert "What to do" in result.output


def test_a_failed_stream_exits_with_1(siyu, drops):  # noqa: F811 - the fixture
    drops.rename(drops.with_name("gone"))
    result = siyu("pull", "--as-of", "2026-04-14", "--json")
    assert result.exit_code == 1
    assert "does not exist" in json.loads(result.stdout)["pulled"][0]["error"]["what"]


def test_backfill_pulls_its_window(siyu):
    result = siyu(
        "backfill", "--as-of", "2026-04-14", "--from", "2026-04-12", "--to", "2026-04-12", "--json"
    )
    assert result.exit_code == 0, result.output
    assert "2026-04-12" in json.loads(result.stdout)["pulled"][0]["event_dates"]


@pytest.mark.parametrize("name", ["pull", "backfill"])
def test_help_shows_an_example(siyu, name):
    assert "Example:" in siyu(name, "--help").output
