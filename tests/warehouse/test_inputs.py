"""What the business keeps in CSV files: mistakes are named before dbt meets them."""

import csv
import json
import re
import shutil

import pytest
import yaml
from click.testing import CliRunner

from extractors.registry import families
from siyu.cli import cli
from siyu.errors import ConfigurationError
from siyu.inputs import FOLDER, INPUTS, check_inputs, require_inputs
from siyu.inputs import check as check_module
from siyu.settings import Settings
from siyu.warehouse import build

from .landed import FIRST, morning


@pytest.fixture
def folder(tmp_path):
    """A copy of the files that a test may spoil."""
    return shutil.copytree(FOLDER, tmp_path / "inputs")


def spoil(folder, name, old, new, count=1):
    path = folder / f"{name}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def rows_of(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_files_of_the_demo_are_right():
    assert check_inputs() == []
    assert len(INPUTS) == 9
    assert {one.file for one in INPUTS} == {path.name for path in FOLDER.glob("*.csv")}


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "column", "what", "action"),
    [
        ("seed_targets", "gmv,2026-03-01", "gvm,2026-03-01", 2, "metric_id", "'gvm' is", "gmv"),
        ("seed_targets", "2026-03-01", "2026/3/1", 2, "month", "not a day", "write 2026-03-01"),
        ("seed_targets", "2026-03-01", "2026-03", 2, "month", "names no day", "2026-03-01"),
        ("seed_targets", "2026-03-01", "2026-03-15", 2, "month", "not the first", "2026-03-01"),
        ("seed_targets", "220000", '"220,000"', 2, "target_value", "not a number", "write 220000"),
        (
            "seed_targets",
            "220000",
            "22万",
            2,
            "target_value",
            "not a number",
            "write it out: 220000",
        ),
        ("seed_targets", "220000", "-1", 2, "target_value", "negative", "0 or more"),
        ("seed_targets", "220000", "", 2, "target_value", "no value", "fill it in"),
        (
            "seed_targets",
            ",all,",
            ",vip,",
            2,
            "segment_id",
            "not in seed_segments.csv",
            "choose one",
        ),
        ("seed_targets", ",all,", ", all,", 2, "segment_id", "spaces around 'all'", "remove them"),
        ("seed_campaigns", "2026-04-30", "2026-02-30", 2, "end_date", "not a day", "no such day"),
        (
            "seed_campaigns",
            "2026-04-30",
            "2026-03-01",
            2,
            "end_date",
            "before start_date",
            "correct",
        ),
        ("seed_campaigns", "0.12", "12%", 2, "reserve_share", "not a number", "the share: 0.12"),
        ("seed_campaigns", "0.12", "12", 2, "reserve_share", "no share", "write 0.12"),
        ("seed_campaigns", "0.12", "0.20", 2, "reserve_share", "outside of 0.10", "10 to 15 %"),
        ("seed_campaigns", "120000.00", "￥120000", 2, "planned_cost_cny", "not a", "write 120000"),
        (
            "seed_campaigns",
            "120000.00",
            "1.005",
            2,
            "planned_cost_cny",
            "parts of a fen",
            "two dec",
        ),
        ("seed_campaign_costs", "spring26", "spring", 2, "campaign_id", "not in", "write spring26"),
        ("seed_campaign_costs", "2026-03-05", "2025-03-05", 2, "cost_date", "60 days", "the date"),
        ("seed_campaign_costs", "creative", "Creative", 2, "cost_item", "not known", "creative"),
        ("seed_content_purposes", ",value,", ",values,", 2, "purpose", "not known", "write value"),
        (
            "seed_content_purposes",
            "\n2,",
            "\n1,",
            3,
            "rule_order",
            "on line 2 already",
            "remove one",
        ),
        (
            "seed_channel_mapping",
            "tencent_moments",
            "moments",
            2,
            "channel_id",
            "not in",
            "tencent",
        ),
        (
            "seed_segment_budgets",
            "2026-03-01,middle",
            "2026-03-01,all",
            3,
            "segment_id",
            "sum",
            "rem",
        ),
        ("seed_experiments", "true", "yes", 2, "is_control", "neither true", "true or false"),
        ("seed_experiments", "true", "false", 2, "is_control", "0 variants marked", "exactly one"),
        ("seed_experiments", "0.5", "0.6", 2, "traffic_share", "add up to 1.1", "add up to 1"),
        (
            "seed_experiments",
            "2026-03-29",
            "2026-03-28",
            3,
            "end_date",
            "2026-03-28 on",
            "the same",
        ),
        ("seed_expected_days", "06:30", "6:30", 2, "expected_by", "not a time", "08:30"),
        ("seed_expected_days", "06:30", "", 2, "expected_by", "by when is not said", "08:30"),
        (
            "seed_expected_days",
            "wecom,weekend",
            "wecom,sunday",
            3,
            "day_kind",
            "not known",
            "choose",
        ),
        (
            "seed_expected_days",
            "wecom,",
            "wecon,",
            2,
            "source",
            "not in the list of",
            "write wecom",
        ),
    ],
)
def test_a_mistake_is_named_by_file_line_and_column(
    folder, name, old, new, line, column, what, action
):
    spoil(folder, name, old, new)
    found = [p for p in check_inputs(folder) if (p.line, p.column) == (line, column)]
    assert len(found) == 1, check_inputs(folder)
    assert found[0].file == f"{name}.csv"
    assert what in found[0].what
    assert action in found[0].action


def test_the_last_variant_of_an_experiment_may_not_be_alone(folder):
    path = folder / "seed_experiments.csv"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(True)[:2]))
    [problem] = check_inputs(folder)
    assert "one variant only" in problem.what


def test_a_segment_left_out_of_a_month_is_missed(folder):
    spoil(folder, "seed_segment_budgets", "2026-04-01,long_tail", "2026-05-02,long_tail")
    problems = check_inputs(folder)
    assert any("2026-04-01 has no budget for long_tail" in p.what for p in problems)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda text: "", "the file is empty"),
        (lambda text: text.replace(",", ";"), "not separated by commas"),
        (lambda text: text.replace("owner", "Owner", 1), "no such column"),
        (lambda text: text.replace(",owner", "", 1), "the column is missing"),
        (lambda text: text.replace("owner", "owner,owner", 1), "is there twice"),
        (lambda text: text + "\n", "the line is empty"),
        (lambda text: text + ",,,,\n", "the line is empty"),
        (lambda text: text.replace("220000", "220,000", 1), "6 values for 5 columns"),
    ],
)
def test_a_file_of_another_shape_is_named(folder, change, what):
    path = folder / "seed_targets.csv"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    problems = check_inputs(folder)
    assert any(what in p.what for p in problems), problems
    assert {p.file for p in problems} == {"seed_targets.csv"}


def test_a_file_saved_by_excel_in_chinese_windows_says_how_to_save_it(folder):
    path = folder / "seed_campaigns.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gbk"))
    problems = check_inputs(folder)
    assert problems[0].what == "the file is not written in UTF-8"
    assert "CSV UTF-8" in problems[0].action


def test_the_mark_that_excel_puts_before_utf8_is_no_mistake(folder):
    path = folder / "seed_campaigns.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert check_inputs(folder) == []


def test_a_missing_file_is_named_with_its_heading(folder):
    (folder / "seed_targets.csv").unlink()
    [problem] = check_inputs(folder)
    assert "metric_id,month,segment_id,target_value,owner" in problem.action


def test_a_build_refuses_wrong_inputs_before_it_touches_anything(folder, home, monkeypatch):
    spoil(folder, "seed_targets", "gmv,2026-03-01", "gvm,2026-3-1")
    monkeypatch.setattr(check_module.require_inputs, "__defaults__", (folder,))
    with pytest.raises(ConfigurationError, match=r"2 mistakes.*seed_targets.csv:2") as caught:
        build(home, as_of=morning(FIRST))
    assert "siyu check-inputs" in caught.value.action
    assert not home.warehouse.exists()


def test_one_mistake_is_told_with_what_to_do(folder):
    spoil(folder, "seed_campaigns", "0.12", "12%")
    with pytest.raises(ConfigurationError, match=r"A mistake.*seed_campaigns.csv:2") as caught:
        require_inputs(folder)
    assert "write the share: 0.12" in caught.value.action


def test_the_command_prints_for_people_and_scripts(folder):
    good = CliRunner().invoke(cli, ["check-inputs"])
    spoil(folder, "seed_campaigns", "0.12", "12%")
    bad = CliRunner().invoke(cli, ["check-inputs", "--folder", str(folder)])
    as_json = CliRunner().invoke(cli, ["check-inputs", "--folder", str(folder), "--json"])

    assert (good.exit_code, bad.exit_code, as_json.exit_code) == (0, 1, 1)
    assert "nothing to correct" in good.output
    assert "seed_campaigns.csv:2 reserve_share: '12%' is not a number" in bad.output
    assert json.loads(as_json.output)["problems"][0]["line"] == 2


# ---------------------------------------------------------------- the demo's files fit its world
def test_campaigns_and_channels_are_those_of_the_world():
    from sandbox.parameters import CAMPAIGNS, CHANNEL_IDS

    assert {row["campaign_id"] for row in rows_of("seed_campaigns")} == set(CAMPAIGNS)
    assert {row["channel_id"] for row in rows_of("seed_channel_mapping")} <= set(CHANNEL_IDS)


def test_experiments_are_those_of_the_world():
    from sandbox.world.messages import EXPERIMENTS

    assert {row["experiment_id"] for row in rows_of("seed_experiments")} == {
        name for name, *_ in EXPERIMENTS
    }


def test_every_source_has_its_days():
    assert {row["source"] for row in rows_of("seed_expected_days")} == set(families())


def test_every_title_of_the_world_has_the_purpose_it_was_written_for():
    from sandbox.world import articles, posts, videos

    rules = sorted(rows_of("seed_content_purposes"), key=lambda row: int(row["rule_order"]))

    def purpose(title):
        found = (row["purpose"] for row in rules if row["match_value"] in title)
        return next(found, None)

    titles = [
        (title, wanted)
        for texts in (articles._TITLES, posts._TEXTS, videos._SUBJECTS)
        for wanted, group in texts.items()
        for title in group
    ]
    assert len(titles) > 30
    assert [(t, purpose(t)) for t, wanted in titles if purpose(t) != wanted] == []
    assert purpose(f"{videos.SERIES} 第3集") == "value"


def test_the_long_tail_gets_little_of_the_budget():
    budgets = rows_of("seed_segment_budgets")
    total = sum(float(row["budget_cny"]) for row in budgets)
    rest = sum(float(row["budget_cny"]) for row in budgets if row["segment_id"] != "high_value")
    assert 0.10 < rest / total < 0.15


def test_check_and_dbt_know_the_same_columns():
    declared = {
        seed["name"]: seed["config"]["column_types"].keys()
        for seed in yaml.safe_load((FOLDER / "_inputs.yml").read_text(encoding="utf-8"))["seeds"]
    }
    assert declared == {
        one.name: dict.fromkeys(c.name for c in one.columns).keys() for one in INPUTS
    }
    text = (FOLDER / "_inputs.yml").read_text(encoding="utf-8")
    assert len(re.findall(r"description: [^\n]* · ", text)) > 45, "Chinese first, English beside"


@pytest.mark.slow
def test_dbt_takes_the_files_and_all_their_tests_pass(home):
    from siyu.warehouse.dbt import run_dbt

    home.warehouse.parent.mkdir(parents=True)
    chosen = ["--select", "path:seeds/inputs", "seed_metrics", "seed_channels"]
    excluded = ["--exclude", "seed_metric_inputs", "int_expected_days"]
    results = run_dbt(
        Settings(home=home.home, landing=home.landing_address),
        ["build", *chosen, *excluded, "--indirect-selection", "cautious"],
    )
    kinds = [str(result.node.resource_type) for result in results]
    assert (kinds.count("seed"), kinds.count("test") > 40) == (11, True)
