"""Reduce the pulls of a cycle to one row each, and turn what they break into verdicts."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from expectations.checks import KEY, Break
from expectations.verdict import FAMILIES, WARN, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from extractors.core.manifest import Commit, Manifest

GATE = "landing"
# measure of a row -> families it decides; a pull passes or fails each of them
FAMILY_CHECKS = {
    "arrival": ("has_content", "rows_match_files", "reaches_control_total"),
    "duplication": ("key_is_unique", "few_rows_repeat", "within_control_total"),
    "schema": ("is_known", "is_readable"),
}
FIGURES = {
    "rows_match_files": "missing_rows",
    "key_is_unique": "duplicate_rows",
    "few_rows_repeat": "repeated_share",
    "is_known": "unknown_fields",
    "reaches_control_total": "short_of_control_totals",
    "is_readable": "rejected_share",
    "within_control_total": "over_control_totals",
    "has_content": "rows",
}
TEXTS = {
    "has_content": (
        "提取成功但返回全空，之前有数据",
        "the pull succeeded and brought nothing, where it had brought data before",
    ),
    "rows_match_files": ("提交记录的行数与文件不符", "rows of the commit and of its files differ"),
    "key_is_unique": ("主键重复", "rows repeat the primary key"),
    "few_rows_repeat": ("重复行比例过高，已去重", "too many rows came twice; each is kept once"),
    "reaches_control_total": (
        "明细合计低于平台总数",
        "detail adds up to less than the platform's total",
    ),
    "within_control_total": (
        "明细合计高于平台总数",
        "detail adds up to more than the platform's total",
    ),
    "is_known": ("出现合同外字段，已保留在 _extra", "fields outside the contract, kept in _extra"),
    "is_readable": (
        "无法解析的行过多，已隔离",
        "too many lines cannot be read; they are quarantined",
    ),
}


def commits_frame(manifest: "Manifest", commits: "Iterable[Commit]") -> "pd.DataFrame":
    """One row per commit: key (its document) and the figures that the suite judges."""
    import pandas as pd

    commits = list(commits)
    before = _commits_before(manifest, commits)
    rows = [_row(manifest, commit, before.get(_names(commit), [])) for commit in commits]
    return pd.DataFrame(
        rows,
        columns=[
            KEY,
            "rows",
            "has_content",
            "missing_rows",
            "duplicate_rows",
            "repeated_share",
            "short_of_control_totals",
            "over_control_totals",
            "unknown_fields",
            "rejected_share",
        ],
    )


def verdicts(
    frame: "pd.DataFrame", commits: "Iterable[Commit]", breaks: list[Break], as_of: datetime
) -> list[Verdict]:
    """One verdict per pull and family of causes; of several failures the heaviest names it."""
    by_key = {row[KEY]: row for row in frame.to_dict("records")}
    result = []
    for commit in commits:
        document = commit.document
        broken = {b.check: b for b in breaks if b.key == document}
        for family, checks in FAMILY_CHECKS.items():
            failed = [broken[check] for check in checks if check in broken]
            failed.sort(key=lambda b: b.severity != "block")
            result.append(_verdict(commit, family, failed, by_key[document], as_of))
    return result


def _verdict(
    commit: "Commit", family: str, failed: list[Break], row: dict, as_of: datetime
) -> Verdict:
    names = {"source": commit.source, "account": commit.account, "stream": commit.stream}
    common = {"gate": GATE, "as_of_at": as_of, "event_date": _day_of(commit), **names}
    if not failed:
        return Verdict(
            check=FAMILY_CHECKS[family][0], passed=True, severity=WARN, family=family, **common
        )
    first = failed[0]
    zh, en = TEXTS[first.check]
    figure = float(row[FIGURES[first.check]])
    if first.check == "is_known":
        zh += f"：{', '.join(commit.unknown_fields[:8])}"
        en += f": {', '.join(commit.unknown_fields[:8])}"
    else:
        zh, en = f"{zh}（{figure:g}）", f"{en} ({figure:g})"
    return Verdict(
        check=first.check,
        passed=False,
        severity=first.severity,
        cause=first.cause,
        family=FAMILIES[first.cause],
        observed=figure,
        detail_zh=zh,
        detail_en=en,
        **common,
    )


def _day_of(commit: "Commit") -> date:
    return max(commit.covered_dates, default=commit.last_date)


def _names(commit: "Commit") -> tuple[str, str, str]:
    return commit.source, commit.account, commit.stream


def _is_judged_by_the_past(commit: "Commit") -> bool:
    """Whether it takes earlier pulls to judge this one."""
    return not commit.rows or (commit.repeated_keys is None and commit.kind != "event")


def _commits_before(
    manifest: "Manifest", commits: "list[Commit]"
) -> "dict[tuple[str, str, str], list[Commit]]":
    """All pulls of the streams that need them to be judged, oldest first; one listing for all."""
    wanted = {_names(commit) for commit in commits if _is_judged_by_the_past(commit)}
    found: dict[tuple[str, str, str], list[Commit]] = {}
    for commit in manifest.commits() if wanted else ():
        if _names(commit) in wanted:
            found.setdefault(_names(commit), []).append(commit)
    return found


def _row(manifest: "Manifest", commit: "Commit", pulls: "list[Commit]") -> dict:
    earlier = [c for c in pulls if c.pulled_at <= commit.pulled_at and c.run_id != commit.run_id]
    is_event = commit.kind == "event"
    duplicates = commit.repeated_keys
    if duplicates is None:  # events, and what was landed before pulls counted them
        # a file whose content was judged before has the same verdict
        judged = {file.content_hash for c in earlier for file in c.files}
        fresh = [file for file in commit.files if is_event or file.content_hash not in judged]
        duplicates = _duplicate_rows(manifest, commit, [file.path for file in fresh])
    short, over = _control_gaps(commit)
    return {
        KEY: commit.document,
        "rows": commit.rows,
        "has_content": not is_hollow(commit, earlier),
        "missing_rows": abs(commit.rows - sum(file.rows for file in commit.files)),
        "duplicate_rows": 0 if is_event else duplicates,
        "repeated_share": ((duplicates if is_event else 0) + commit.duplicate_rows)
        / max(1, commit.rows + commit.duplicate_rows),
        "short_of_control_totals": short,
        "over_control_totals": over,
        "unknown_fields": len(commit.unknown_fields),
        "rejected_share": commit.rejected_rows / max(1, commit.rows + commit.rejected_rows),
    }


def is_hollow(commit: "Commit", earlier: "list[Commit]") -> bool:
    """Whether a pull brought nothing at all where data had been before.

    A pull of new days only that brings nothing is not hollow: the source may be late, which the
    freshness gate judges.
    """
    if commit.rows:
        return False
    if commit.inputs:
        return True
    if commit.kind == "entity":
        return bool(earlier) and earlier[-1].rows > 0
    covered = set(commit.covered_dates)
    return commit.kind == "report" and any(
        file.rows and file.event_date in covered for c in earlier for file in c.files
    )


def _control_gaps(commit: "Commit") -> tuple[int, int]:
    """How many of the platform's totals the landed detail misses, and how many it exceeds."""
    from extractors.registry import get_stream

    tolerance = get_stream(commit.source, commit.stream).control_tolerance
    short = over = 0
    for total in commit.control_totals:
        if total.platform_total is None:
            continue
        room = tolerance * abs(total.platform_total)
        short += total.detail_total < total.platform_total - room
        over += total.detail_total > total.platform_total + room
    return short, over


def _duplicate_rows(manifest: "Manifest", commit: "Commit", paths: list[str]) -> int:
    """Rows of these files that repeat the key (and version) of another row of the same day."""
    import fsspec
    import pyarrow.dataset as ds

    from extractors.registry import get_stream

    if not paths:
        return 0
    stream = get_stream(commit.source, commit.stream)
    key = [*stream.primary_key, *([stream.version_column] if stream.version_column else [])]
    filesystem, root = fsspec.core.url_to_fs(manifest.storage.address)
    files = ds.dataset(
        [f"{root.rstrip('/')}/{path}" for path in paths],
        format="parquet",
        filesystem=None if manifest.storage.is_local else filesystem,
    )
    if commit.kind != "event":
        key.append("__filename")  # pyarrow's own column: one file holds one day
    table = files.to_table(columns=key)
    unique = table.group_by(table.column_names).aggregate([]).num_rows
    return table.num_rows - unique
