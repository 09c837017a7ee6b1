import json
import pickle

import click
import pytest
from click.testing import CliRunner

from siyu.cli import COMMANDS, cli, json_option, reports_errors
from siyu.errors import SiyuError, UsageError


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_answers_help_with_an_example(command):
    result = CliRunner().invoke(cli, [command, "--help"])

    assert result.exit_code == 0, result.output
    assert "Example:" in result.output
    assert f"siyu {command}" in result.output


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"sandbox", "callback"}))
def test_every_command_takes_json(command):
    assert "--json" in CliRunner().invoke(cli, [command, "--help"]).output


def test_an_unknown_command_is_wrong_use():
    assert CliRunner().invoke(cli, ["publsh"]).exit_code == 2


@pytest.mark.parametrize(("error", "code"), [(SiyuError, 1), (UsageError, 2)])
def test_an_error_says_what_where_and_what_to_do_with_its_exit_code(error, code):
    @click.command()
    @json_option
    @reports_errors
    def broken(as_json):
        raise error("It broke", where="here", action="mend it")

    result = CliRunner().invoke(broken)
    assert (result.exit_code, result.output) == (code, "✗ It broke [here]. What to do: mend it\n")

    result = CliRunner().invoke(broken, ["--json"])
    assert json.loads(result.stdout) == {
        "error": {"what": "It broke", "where": "here", "action": "mend it"}
    }
    assert result.exit_code == code


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(UsageError("a", where="b", action="c")))

    assert isinstance(error, UsageError)
    assert (error.what, error.where, error.action) == ("a", "b", "c")


def test_the_command_line_starts_without_the_heavy_libraries():
    import subprocess
    import sys

    probe = (
        "import sys; from click.testing import CliRunner; from siyu.cli import cli;"
        "CliRunner().invoke(cli, ['--help']);"
        "print([m for m in ('dbt', 'great_expectations', 'airflow', 'pandas', 'duckdb') "
        "if m in sys.modules])"
    )

    assert (
        subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
