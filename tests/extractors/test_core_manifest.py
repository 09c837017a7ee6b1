import json
from datetime import UTC, date, datetime, timedelta

import pytest

from extractors.core.manifest import Arrival, Commit, ControlTotal, LandedFile, Manifest
from siyu.errors import SiyuError

DAY = date(2026, 4, 12)
AT = datetime(2026, 4, 13, 2, 30, tzinfo=UTC)


def commit(run="r1", at=AT, kind="report", covered=(DAY,), files=(DAY,), account="a", **also):
    return Commit(
        source="s",
        stream="t",
        kind=kind,
        account=account,
        run_id=run,
        pulled_at=at,
        started_at=at,
        finished_at=at + timedelta(seconds=1),
        first_date=DAY,
        last_date=DAY,
        covered_dates=tuple(covered),
        rows=len(files),
        bytes=9,
        requests=1,
        schema_fingerprint="f",
        files=tuple(
            LandedFile(f"s/t/event_date={d}/{account}-{run}.parquet", d, 1, 9, f"h{run}")
            for d in files
        ),
        **also,
    )


@pytest.fixture
def manifest(tmp_path):
    return Manifest(str(tmp_path / "landing"))


def names(paths):
    return [path.rsplit("/", 1)[1] for path in paths]


def test_a_commit_comes_back_as_it_was(manifest):
    full = commit(
        arrivals=(Arrival(DAY, "c", "m", 1.5),),
        warnings=("w: x",),
        rejected_rows=2,
        control_totals=(ControlTotal(DAY, "cost", None, 5),),
        inputs=("o",),
        not_ready_dates=(DAY,),
        unknown_fields=("u",),
    )
    manifest.add(full)
    assert manifest.commits() == [full]
    assert manifest.find(full.document) == full


def test_the_document_has_the_layout_that_others_read(manifest):
    manifest.add(commit())
    document = json.loads(manifest.storage.read(commit().document))
    assert {
        "version": 1,
        "window": {"first_date": "2026-04-12", "last_date": "2026-04-12"},
        "pulled_at": "2026-04-13T02:30:00Z",
        "covered_dates": ["2026-04-12"],
    }.items() <= document.items()
    assert document["files"][0]["path"] == "s/t/event_date=2026-04-12/a-r1.parquet"


def test_the_newest_answer_for_a_report_day_wins_whole_also_when_empty(manifest):
    manifest.add(commit("r1"))
    manifest.add(commit("r2", AT + timedelta(1), files=()))
    assert manifest.live_files("s", "t") == []
    assert names(manifest.live_files("s", "t", AT)) == ["a-r1.parquet"]


def test_a_day_that_a_newer_pull_did_not_answer_for_keeps_its_older_answer(manifest):
    other = DAY - timedelta(1)
    manifest.add(commit("r1", covered=(DAY, other), files=(DAY, other)))
    manifest.add(commit("r2", AT + timedelta(1)))
    assert names(manifest.live_files("s", "t")) == ["a-r1.parquet", "a-r2.parquet"]


def test_accounts_do_not_replace_each_other(manifest):
    manifest.add(commit("r1"))
    manifest.add(commit("r2", AT + timedelta(1), account="b"))
    assert len(manifest.live_files("s", "t")) == 2


def test_every_commit_of_an_event_stream_counts(manifest):
    manifest.add(commit("r1", kind="event"))
    manifest.add(commit("r2", AT + timedelta(1), kind="event"))
    assert len(manifest.live_files("s", "t")) == 2


def test_a_file_that_no_commit_names_does_not_exist(manifest, tmp_path):
    stray = tmp_path / "landing" / "s" / "t" / "event_date=2026-04-12" / "a-stray.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"")
    assert manifest.live_files("s", "t") == []


def test_a_process_sees_what_another_added_or_took_away(manifest):
    manifest.add(commit("r1"))
    other = Manifest(manifest.address)
    assert len(other.commits()) == 1
    manifest.add(commit("r2", AT + timedelta(1)))
    assert len(other.commits("s", "t", "a")) == 2
    assert len(other.commits(as_of=AT)) == 1
    manifest.storage.remove(commit("r1").document)
    assert [c.run_id for c in other.commits()] == ["r2"]


def test_frames_grow_with_the_commits_and_know_delays(manifest):
    manifest.add(commit("r1", arrivals=(Arrival(DAY, "", "rows", 5),)))
    assert len(manifest.arrivals_frame()) == 1
    manifest.add(commit("r2", AT + timedelta(3), arrivals=(Arrival(DAY, "", "rows", 6),)))
    frame = manifest.arrivals_frame()
    assert list(frame["delay_days"]) == [1, 4]
    assert list(frame["value"]) == [5, 6]
    assert frame["event_date"].tolist() == [DAY, DAY]
    assert len(manifest.arrivals_frame(AT)) == 1


def test_the_commits_frame_shows_empty_and_unready_days(manifest):
    late = DAY - timedelta(1)
    manifest.add(commit("r1", covered=(DAY, late), not_ready_dates=(DAY + timedelta(1),)))
    frame = manifest.commits_frame().set_index("event_date")
    assert frame["rows_of_day"].to_dict() == {DAY: 1, late: 0, DAY + timedelta(1): 0}
    assert frame["is_not_ready"].to_dict() == {DAY: False, late: False, DAY + timedelta(1): True}
    assert frame.loc[DAY, "content_hash"] == "hr1"


def test_frames_of_an_empty_landing_have_their_columns(manifest):
    assert list(manifest.arrivals_frame().columns)[-2:] == ["delay_days", "value"]
    assert manifest.commits_frame(AT).empty


def test_a_broken_document_is_named_with_a_way_out(manifest):
    manifest.storage.write_atomically("_manifest/s/t/a-broken.json", b'{"version": 1')
    with pytest.raises(SiyuError, match=r"a-broken\.json.*backup"):
        manifest.commits()


def test_an_object_store_holds_a_manifest_too():
    manifest = Manifest("memory://bucket/landing")
    manifest.add(commit())
    assert manifest.commits() == [commit()]
    assert manifest.live_files("s", "t")[0].startswith("memory://bucket/landing/s/t/")
