"""`siyu backfill --all-history`: what the sources keep, newest first, resumed where it was cut."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from test_core_pull import accounts_file, entry
from vendor_accounts import ACCOUNTS, AS_OF, TODAY, YESTERDAY

from extractors.core import pull as pull_module
from extractors.core.backfill import backfill_all
from extractors.core.errors import ApiError
from extractors.core.manifest import Commit, LandedFile, Manifest
from extractors.core.stream import Kind
from extractors.core.windows import check_window
from siyu.calendar import days
from siyu.cli import cli

DAY = timedelta(1)


@pytest.fixture
def source(settings, monkeypatch):
    """Every pull is answered by a source that has data from `first` on; `asked` is what it saw."""

    class Source:
        asked, first, fails = [], date(2020, 1, 1), ()

        def pull(self, settings, account, stream, *, as_of, window=None, **_):
            asked = window or (TODAY, TODAY)
            if window:
                check_window(stream, account, *window, as_of)
            self.asked.append((stream.name, asked))
            if asked in self.fails:
                raise ApiError("no quota left")
            covered = days(*asked)
            commit = Commit(
                stream.source,
                stream.name,
                str(stream.kind),
                account.account,
                f"run{len(self.asked)}",
                as_of,
                as_of,
                as_of,
                *asked,
                tuple(covered),
                len(covered),
                1,
                1,
                "x",
                files=tuple(
                    LandedFile(f"{stream.name}/{day}", day, int(day >= self.first), 1, "h")
                    for day in covered
                ),
                is_backfill=window is not None,
            )
            Manifest(settings.landing_address).add(commit)
            return commit

    made = Source()
    monkeypatch.setattr(pull_module, "pull", made.pull)
    return made


@pytest.fixture
def accounts(settings, monkeypatch):
    def use(*chosen):
        accounts_file(settings, *map(entry, chosen))
        monkeypatch.setenv("SIYU_ACCOUNTS_FILE", str(settings.accounts_file))
        settings.accounts_file = settings.root / "accounts.yml"

    return use


def test_each_day_the_source_keeps_is_asked_for_once_in_whole_windows(settings, source, accounts):
    accounts(ACCOUNTS["tencent_ads"])
    backfill_all(settings, as_of=AS_OF, stream="daily_report_request_time")
    windows = [window for _, window in source.asked]
    assert windows[0][1] == YESTERDAY
    assert [(w[1] - w[0]).days + 1 for w in windows[:-1]] == [90, 90, 90, 90]
    asked = [day for window in reversed(windows) for day in days(*window)]
    assert asked == days(TODAY - 365 * DAY, YESTERDAY)


def test_a_list_gets_one_snapshot_and_an_account_s_since_is_kept(settings, source, accounts):
    since = replace(ACCOUNTS["wecom"], options={**ACCOUNTS["wecom"].options, "since": "2026-04-01"})
    accounts(since)
    for _ in range(2):
        backfill_all(settings, as_of=AS_OF, source="wecom")
    assert source.asked.count(("customer", (TODAY, TODAY))) == 1
    behaviour = [window for name, window in source.asked if name == "user_behavior"]
    assert [day for w in behaviour for day in days(*w)] == days(date(2026, 4, 1), YESTERDAY)


def test_a_run_that_was_cut_short_goes_on_where_it_was(settings, source, accounts, monkeypatch):
    accounts(ACCOUNTS["tencent_ads"])
    whole = source.pull

    def killed(*words, **more):
        if len(source.asked) == 3:
            raise KeyboardInterrupt
        return whole(*words, **more)

    monkeypatch.setattr(pull_module, "pull", killed)
    with pytest.raises(KeyboardInterrupt):
        backfill_all(settings, as_of=AS_OF, stream="daily_report_request_time")
    monkeypatch.setattr(pull_module, "pull", whole)
    backfill_all(settings, as_of=AS_OF + timedelta(hours=3), stream="daily_report_request_time")
    asked = [day for _, window in source.asked for day in days(*window)]
    assert sorted(asked) == days(TODAY - 365 * DAY, YESTERDAY)


def test_again_takes_what_was_answered_before_that_moment(settings, source, accounts):
    accounts(ACCOUNTS["tencent_ads"])
    chosen = {"stream": "daily_report_request_time"}
    backfill_all(settings, as_of=AS_OF, **chosen)
    first = len(source.asked)
    later = AS_OF + timedelta(hours=2)
    assert backfill_all(settings, as_of=later, **chosen) == []
    backfill_all(settings, as_of=later, again_before=later, **chosen)
    assert len(source.asked) == 2 * first
    assert backfill_all(settings, as_of=later, again_before=later, **chosen) == []


def test_a_source_without_a_limit_is_asked_back_until_a_year_is_empty(settings, source, accounts):
    accounts(ACCOUNTS["wechat_store"])
    source.first = TODAY - 500 * DAY
    backfill_all(settings, as_of=AS_OF, stream="order")
    oldest = min(window[0] for _, window in source.asked)
    assert TODAY - 3 * 366 * DAY < oldest <= TODAY - 2 * 366 * DAY
    count = len(source.asked)
    backfill_all(settings, as_of=AS_OF + timedelta(hours=1), stream="order")
    assert len(source.asked) == count


def test_a_stream_that_fails_is_left_and_the_others_go_on(settings, source, accounts):
    accounts(ACCOUNTS["tencent_ads"])
    source.fails = ((YESTERDAY - 89 * DAY, YESTERDAY),)
    results = backfill_all(settings, as_of=AS_OF, source="tencent_ads")
    failed = {r.stream for r in results if r.error}
    assert "daily_report_request_time" in failed
    names = [name for name, _ in source.asked]
    assert names.count("daily_report_request_time") == 1
    assert {r.stream for r in results if r.commit} >= {"adgroup"}


def test_the_command_shows_progress_and_refuses_a_window(settings, source, accounts):
    accounts(ACCOUNTS["tencent_ads"])
    command = ["backfill", "--all-history", "--stream", "daily_report_request_time"]
    result = CliRunner().invoke(cli, [*command, "--as-of", AS_OF.isoformat()])
    assert result.exit_code == 0, result.output
    assert f"[1/5] {YESTERDAY - 89 * DAY} .. {YESTERDAY}" in result.output
    assert "[5/5] " in result.output
    for wrong in ([*command, "--from", "2026-04-01"], ["backfill"], ["backfill", "--again", "x"]):
        assert CliRunner().invoke(cli, wrong).exit_code == 2


def test_json_is_one_document(settings, source, accounts):
    accounts(ACCOUNTS["tencent_ads"])
    words = [
        "backfill",
        "--all-history",
        "--source",
        "tencent_ads",
        "--stream",
        "adgroup",
        "--json",
    ]
    result = CliRunner().invoke(cli, [*words, "--as-of", AS_OF.isoformat()])
    [pulled] = json.loads(result.stdout.splitlines()[0])["pulled"]
    assert pulled["stream"] == "adgroup"


def test_every_stream_has_a_plan():
    from extractors.core.backfill import _chunks
    from extractors.registry import all_streams

    for stream in all_streams():
        if stream.kind == Kind.ENTITY:
            continue
        cut = list(_chunks(stream, days(TODAY - 100 * DAY, TODAY)))
        assert cut[0][1] == TODAY
        assert sum((last - first).days + 1 for first, last in cut) == 101
        assert all(
            (last - first).days + 1 <= max(30, stream.max_window_days) for first, last in cut
        )
