"""The log is append-only evidence; incidents follow from it alone."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from world import morning

from expectations import incident_log, quality_log
from expectations.incident_log import derive, evidence, incidents
from expectations.verdict import Verdict, checker_error
from siyu.errors import SiyuError

DAY = date(2026, 4, 14)


def verdict(day=DAY, *, cycle=None, passed=False, cause="source_late", channel="live", **others):
    cycle = cycle or day
    values = {
        "gate": "freshness",
        "check": "is_delivered",
        "as_of_at": morning(cycle),
        "event_date": day,
        "passed": passed,
        "severity": "warn",
        "family": "arrival",
        "cause": "" if passed else cause,
        "source": "page_events",
        "account": "h5",
        "channel": channel,
        "stream": "page_event",
    } | others
    return Verdict(**values)


def record(settings, cycle, *verdicts, gate="freshness"):
    return quality_log.record(settings, morning(cycle), gate, list(verdicts))


def test_the_same_run_again_writes_nothing(settings):
    first = record(settings, DAY, verdict(), verdict(channel="other", passed=True))
    before = first.read_bytes()

    again = record(settings, DAY, verdict(channel="other", passed=True), verdict())

    assert again == first
    assert [p.read_bytes() for p in quality_log.log_folder(settings).iterdir()] == [before]


def test_another_result_at_the_same_moment_is_added_and_counts_last(settings):
    first = record(settings, DAY, verdict())
    before = first.read_bytes()

    record(settings, DAY, verdict(passed=True))
    record(settings, DAY, verdict())

    assert first.read_bytes() == before
    assert [run[0].passed for run in quality_log.read(settings)] == [False, True, False]
    assert incidents(settings)[-1].is_open


def test_a_verdict_survives_the_log_unchanged(settings):
    written = verdict(observed=0.0, expected_low=12.5, detail_zh="缺数据")

    record(settings, DAY, written)

    assert quality_log.read(settings) == [(written,)]


def test_earlier_moments_see_only_earlier_evidence(settings):
    record(settings, DAY, verdict())
    record(settings, DAY + timedelta(1), verdict(DAY + timedelta(1), passed=True))

    assert incidents(settings, morning(DAY))[0].is_open
    assert not incidents(settings)[0].is_open
    assert incidents(settings, morning(DAY - timedelta(1))) == []
    assert evidence(settings, morning(DAY)).bad_days == {}


def test_a_log_replayed_as_it_grows_says_what_one_replayed_from_scratch_says(settings):
    chance = random.Random(7)
    for n in range(20):
        cycle = DAY + timedelta(n)
        for gate in ("landing", "freshness"):
            said = [
                verdict(cycle, channel=name, gate=gate, passed=chance.random() < 0.6)
                for name in ("live", "other")
            ]
            record(settings, cycle, *said, gate=gate)
        if not n % 5:  # somebody asks how it stood before
            incidents(settings, morning(DAY + timedelta(n // 2)))
        evidence(settings, morning(cycle))

        assert incidents(settings) == derive(quality_log.read(settings))
    grown = evidence(settings, morning(cycle))
    incident_log._replays.clear()
    assert evidence(settings, morning(cycle)) == grown
    assert len(incidents(settings)) > 5


def test_a_full_disk_leaves_no_half_file(settings, monkeypatch):
    import expectations.files as files

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)

    with pytest.raises(SiyuError, match="No space left"):
        record(settings, DAY, verdict())
    assert list(quality_log.log_folder(settings).glob("*")) == []


def days_of(failing, last):
    """Runs of consecutive days; each fails for the days given."""
    runs = []
    for n in range(last):
        cycle = DAY + timedelta(n)
        bad = [verdict(DAY + timedelta(m), cycle=cycle) for m in failing.get(n, ())]
        runs.append(tuple(bad) or (verdict(cycle, passed=True),))
    return runs


def test_four_late_days_are_one_incident_named_after_its_first_day():
    runs = days_of({0: [0], 1: [0, 1], 2: [0, 1, 2], 3: [0, 1, 2, 3]}, 6)

    [incident] = derive(runs)

    assert incident.cause == "source_late"
    assert incident.event_dates == tuple(DAY + timedelta(n) for n in range(4))
    assert incident.opened_at == morning(DAY)
    assert incident.recovered_at == morning(DAY + timedelta(4))


def test_a_cause_that_changes_later_keeps_the_incident():
    runs = [(verdict(),), (verdict(DAY, cycle=DAY + timedelta(1), cause="partial"),)]

    [incident] = derive(runs)

    assert (incident.cause, incident.later_causes) == ("source_late", ("partial",))


def test_a_failure_after_the_recovery_is_another_incident_with_another_id():
    runs = days_of({0: [0], 2: [0]}, 4)

    first, second = derive(runs)

    assert first.id != second.id
    assert first.recovered_at < second.opened_at


def test_silence_about_a_scope_neither_opens_nor_closes():
    runs = [(verdict(),), (verdict(channel="other", passed=True),)]

    [incident] = derive(runs)

    assert incident.is_open


def test_not_enough_history_is_no_recovery():
    runs = [(verdict(),), (verdict(DAY + timedelta(1), passed=True, severity="info"),)]

    assert derive(runs)[0].is_open


def test_other_families_of_one_scope_are_incidents_of_their_own():
    drift = verdict(channel="", cause="schema_drift", family="schema")

    assert len(derive([(verdict(channel=""), drift)])) == 2


def test_two_gates_must_both_be_satisfied():
    landing = verdict(gate="landing", channel="", cause="silent_empty")
    runs = [(landing,), (verdict(channel=""),), (replace(landing, passed=True, cause=""),)]

    [incident] = derive(runs)
    assert incident.is_open
    [incident] = derive([*runs, (verdict(DAY + timedelta(1), channel="", passed=True),)])
    assert not incident.is_open
    assert incident.gates == ("landing", "freshness")


def test_ids_are_the_same_on_every_machine_and_in_any_order_of_a_run():
    run = [verdict(channel=f"c{n}") for n in range(5)]
    shuffled = random.Random(3).sample(run, 5)

    assert {i.id for i in derive([tuple(run)])} == {i.id for i in derive([tuple(shuffled)])}
    assert derive([(verdict(),)])[0].id == "inc-6eb0ea9676"


def test_a_checker_error_is_no_bad_data_and_ends_with_the_next_good_run():
    broken = checker_error("freshness", morning(DAY), DAY, ValueError("boom"))

    [incident] = derive([(broken,)])
    assert incident.is_checker_error
    assert (incident.source, incident.stream) == ("siyu", "freshness_gate")
    [incident] = derive([(broken,), (verdict(DAY + timedelta(1), passed=True),)])
    assert not incident.is_open


def test_a_repair_at_the_moment_of_the_opening_keeps_the_incidents_id(settings):
    """Its landing gate judges after the freshness gate that opened, and is read in that order."""
    record(settings, DAY, verdict())
    [opened] = incidents(settings)
    failed_again = verdict(cause="silent_empty", check="has_content", gate="landing")
    record(settings, DAY, failed_again, gate="landing")

    [still_open] = incidents(settings)

    assert still_open.id == opened.id
    assert still_open.later_causes == ("silent_empty",)
