"""The ordinary accidents of page-event drops, and the mini program's own folder."""

import gzip
import json

import numpy as np
import pandas as pd
from sandbox_api import moment

from sandbox.app import Sandbox
from sandbox.timeline import HOUR_MS, to_ms
from sandbox.world.deliveries import COPY, CUT, WHOLE


def all_lines(sandbox: Sandbox) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "account": account,
                "path": str(path.relative_to(folder)),
                "line": line.decode(),
                "last": last,
            }
            for account, folder in sandbox.drops.folders.items()
            for path in sorted(folder.rglob("*.jsonl.gz"))
            for lines in [gzip.decompress(path.read_bytes()).splitlines()]
            for line, last in zip(lines, [False] * (len(lines) - 1) + [True], strict=True)
        ]
    )


def test_lines_are_sent_twice_or_cut_where_the_truth_says_so(state_at, truth):
    sandbox = Sandbox(state_at("2026-03-20"))
    found = all_lines(sandbox)
    facts = truth["page_events"]
    due = facts[facts.visible_at <= pd.Timestamp(moment("2026-03-20"))]

    cut = found[~found.line.str.endswith("}")]
    ids = found.line.str.extract('"event_id":"(\\w+)"')[0]
    counts = ids[found.line.str.endswith("}")].value_counts()

    assert 2 < len(cut) < 20
    assert cut["last"].all()
    assert set(ids[cut.index]) >= set(due[due.is_cut_first].event_id)
    assert set(counts.index) == set(due.event_id)
    assert counts.max() == 2
    assert set(counts[counts == 2].index) <= set(due[due.is_sent_twice].event_id)
    assert 0.5 / 400 < (counts == 2).mean() < 2 / 400


def test_the_mini_program_has_a_tenth_of_the_events_in_a_folder_of_its_own(state_at, truth):
    sandbox = Sandbox(state_at("2026-03-09"))
    found = all_lines(sandbox)
    share = (truth["page_events"].account == "mini_main").mean()

    assert 0.08 < share < 0.12
    mini = found[found.account == "mini_main"]
    assert mini.path.str.contains("/mini-").all()
    assert not found[found.account == "h5_main"].path.str.contains("/mini-").any()
    assert "miniprogram://" in json.loads(mini.line.iloc[0])["page_url"]
    kinds = truth["page_events"][lambda e: e.account == "mini_main"].event_type.unique()
    assert set(kinds) == {"page_view", "link_click", "lead_form", "booking", "redemption"}


def test_a_late_file_appears_hours_after_its_place_and_is_taken_back_with_the_clock(
    state_at, world
):
    lines = world.page_events.lines
    late = np.flatnonzero((lines.visible_ms > lines.closed_ms) & (lines.kind == WHOLE))
    first = late[np.argmin(lines.visible_ms[late])]
    appears, closed = int(lines.visible_ms[first]), int(lines.closed_ms[first])
    site = int(world.page_events.site[lines.row[first]])
    sandbox = Sandbox(state_at("2026-03-02T00:00"))
    path = sandbox.drops.path(closed, site)

    sandbox.move_clock(appears - 1_000)
    assert not path.exists()
    sandbox.move_clock(appears)
    assert path.exists()
    sandbox.move_clock(appears - 1_000, force=True)
    assert not path.exists()

    assert 2 * HOUR_MS <= appears - closed <= 12 * HOUR_MS
    assert to_ms(moment("2026-03-02")) < closed


def test_a_few_clocks_of_visitors_are_wrong(truth, world):
    facts = truth["page_events"]
    wrong = facts[facts.reported_at != facts.happened_at]

    assert 0.5 / 500 < len(wrong) / len(facts) < 2 / 500
    assert (
        (wrong.reported_at - wrong.happened_at).dt.total_seconds().abs().between(600, 28_800).all()
    )
    shanghai = facts.reported_at.dt.tz_convert("Asia/Shanghai").dt.date
    ahead = facts.reported_at > facts.visible_at
    assert (shanghai == facts.event_date)[~ahead].all()
    assert ahead.any()


def test_every_event_is_whole_exactly_once_and_copies_come_with_it_or_later(world):
    lines = world.page_events.lines
    whole = lines.row[lines.kind == WHOLE]

    assert (np.sort(whole) == np.arange(len(world.page_events.event_id))).all()
    visible = world.page_events.visible_ms
    copies = lines.kind == COPY
    assert (lines.visible_ms[copies] >= visible[lines.row[copies]] - 12 * HOUR_MS).all()
    cut = lines.kind == CUT
    assert (lines.closed_ms[cut] < visible[lines.row[cut]]).all()
