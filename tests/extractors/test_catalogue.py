"""No documented endpoint is left out silently, and the page people read is what the code says."""

from pathlib import Path

import yaml
from click.testing import CliRunner

from extractors.catalogue import documented_endpoints, gaps, head, lines
from extractors.registry import all_streams, families
from siyu.cli.sources import sources, tables

ROOT = Path(__file__).parents[2]


def test_every_documented_endpoint_is_read_or_refused_with_a_reason():
    assert sum(len(endpoints) for endpoints in documented_endpoints().values()) > 80
    assert gaps() == []
    assert all(line.stream or len(line.reason) > 10 for line in lines())


def test_every_stream_says_its_grain_and_units():
    silent = [s.address for s in all_streams() if not (head(s, "Grain") and head(s, "Units"))]

    assert silent == []


def test_the_page_of_sources_is_what_the_code_declares():
    _, _, shown = (
        (ROOT / "docs/sources.md").read_text(encoding="utf-8").partition("<!-- sources -->")
    )

    assert shown.strip() == tables(lines()).strip(), "run `make sources`"


def test_the_example_has_an_account_of_every_source():
    example = yaml.safe_load((ROOT / "config/accounts.example.yml").read_text(encoding="utf-8"))

    assert {entry["source"] for entry in example["accounts"]} == families().keys()


def test_the_command_tells_streams_and_reasons():
    told = CliRunner().invoke(sources, ["--source", "wecom"]).output

    assert "group_member" in told
    assert "/cgi-bin/externalcontact/add_contact_way" in told
