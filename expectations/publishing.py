"""Put the marts before readers as one whole file, or hold and say why.

A reader opens `<home>/published/marts.duckdb` read-only at any time and sees a whole snapshot: the
new one is built beside it, synced, and renamed over it. A reader who had the old one open keeps it.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from expectations import gates, quality_log
from expectations.files import sync_folder, write_atomically
from expectations.incident_log import incidents
from expectations.verdict import BLOCK, CAUSES_ZH, Verdict, scope_text
from expectations.warehouse import WRITER_SECONDS
from siyu.calendar import aware
from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings

if TYPE_CHECKING:
    import duckdb

STAMP = "%Y%m%dT%H%M%SZ"
BUILDING = ".building-"  # prefix of what a killed publish may leave behind
_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class PublishResult:
    """Whether readers got something new; if not, why, in Chinese and English."""

    published: bool
    reason: str = ""
    snapshot: str = ""


def publish(
    settings: Settings, as_of: datetime, on_step: Callable[[str], None] = lambda step: None
) -> PublishResult:
    """Publish the marts of the build as of `as_of`, unless a gate forbids it.

    Args:
        settings: say where the working database and the snapshots are.
        as_of: of the build; fact and mart gates that have not judged it yet are run now.
        on_step: told before each step (`checked`, `copied`, `synced`, `kept`, `replaced`), for
            tests that kill in between.
    """
    folder = settings.published.parent
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".publish.lock", timeout=600):
            _sweep(folder)
            if reason := pinned(settings) or half_built(settings) or why_held(settings, as_of):
                return _hold(settings, as_of, reason)
            on_step("checked")
            name = f"marts-{aware(as_of).astimezone(UTC).strftime(STAMP)}.duckdb"
            building = folder / f"{BUILDING}{name}"
            try:
                _build(settings, building, as_of)
            except SiyuError as error:
                return _hold(
                    settings, as_of, f"快照无法生成：{error} · The snapshot could not be made"
                )
            on_step("copied")
            _sync(building)
            on_step("synced")
            kept = folder / "snapshots" / name
            kept.parent.mkdir(exist_ok=True)
            # the kept copy is the same file: a link costs nothing
            building.replace(kept)
            on_step("kept")
            _put(kept, settings.published)
            on_step("replaced")
            (folder / "held.json").unlink(missing_ok=True)
            _forget_old(settings)
    except Timeout:
        raise SiyuError(
            "Another publish has been running for ten minutes",
            where=str(folder),
            action="wait for it, or stop it and run this again",
        ) from None
    except OSError as error:
        raise SiyuError(
            f"The snapshot cannot be written ({error.strerror})",
            where=str(folder),
            action="free disk space, then run `siyu publish` again; readers still see "
            "the snapshot before",
        ) from error
    return PublishResult(True, "", name)


def half_built(settings: Settings) -> str:
    """Why the working tables are no snapshot, in Chinese and English; empty when they are."""
    from siyu.warehouse.builder import unfinished_build

    if not (layers := unfinished_build(settings, wait_seconds=WRITER_SECONDS)):
        return ""
    return (
        f"上一次构建未完成（{'、'.join(layers)}），先运行 `siyu build` · the last build did not "
        f"finish ({', '.join(layers)}); run `siyu build` first"
    )


def why_held(settings: Settings, as_of: datetime) -> str:
    """Why the marts must not be published, in Chinese and English; empty when they may be.

    Held on: a fact or mart gate of this moment that failed with `block` or could not judge, and
    any open incident whose severity is `block` (duplicates, rows that miss the platform's total).
    """
    judged = {
        run[0].gate: run
        for run in quality_log.read(settings, until=as_of)
        if run and run[0].as_of_at == as_of
    }
    verdicts: list[Verdict] = []
    for gate, judge in (("fact", gates.fact_gate), ("mart", gates.mart_gate)):
        # of several runs at one moment the newest counts: read() gives it last
        verdicts += judged.get(gate) or judge(settings, as_of)
    reasons = [
        _reason(v) for v in verdicts if not v.passed and (v.severity == BLOCK or v.is_checker_error)
    ]
    named = {v.scope for v in verdicts}
    for incident in incidents(settings, as_of):
        scope = (incident.source, incident.account, incident.channel, incident.stream)
        if (
            incident.is_open
            and incident.severity == BLOCK
            and scope not in named
            and not incident.is_checker_error
        ):
            text = scope_text(*scope)
            reasons.append(
                f"{text} {CAUSES_ZH[incident.cause]}：{incident.detail_zh} · "
                f"{incident.cause}: {incident.detail_en} ({incident.id})"
            )
    return "；".join(reasons)


def rollback(settings: Settings, name: str | None = None) -> PublishResult:
    """Show readers an earlier snapshot: the named one, or the one before what they see now.

    It stays until `release`: a publish in between is held, else the next daily cycle would undo
    what a person decided.

    Raises:
        UsageError: there is no such snapshot; the known ones are listed.
    """
    with FileLock(settings.published.parent / ".publish.lock", timeout=600):
        kept = snapshots(settings)
        if name is None:
            current = shown_snapshot(settings)
            earlier = [path for path in kept if path.name < current]
            chosen = earlier[-1] if earlier else None
        else:
            chosen = next((path for path in kept if path.name in (name, f"{name}.duckdb")), None)
        if chosen is None:
            raise UsageError(
                f"There is no snapshot {name or 'before this one'}",
                where=str(settings.published.parent / "snapshots"),
                action="choose one of: " + (", ".join(p.name for p in kept) or "none"),
            )
        # the pin first: killed in between, readers are held on what they have, and it says so
        write_atomically(_pin(settings), json.dumps({"snapshot": chosen.name}) + "\n")
        _put(chosen, settings.published)
    return PublishResult(True, "", chosen.name)


def release(settings: Settings) -> bool:
    """Let publishes go on after a rollback; whether there was one."""
    was_pinned = _pin(settings).exists()
    _pin(settings).unlink(missing_ok=True)
    return was_pinned


def pinned(settings: Settings) -> str:
    """Why publishes are held since a rollback, in Chinese and English; empty when they are not."""
    if not _pin(settings).exists():
        return ""
    return (
        f"已人工回滚到 {shown_snapshot(settings)}，用 `siyu publish --release` 恢复发布 · "
        "rolled back by hand; `siyu publish --release` lets publishes go on"
    )


def shown_snapshot(settings: Settings) -> str:
    """Name of the kept snapshot that readers see now; empty where there is none."""
    shown = published_as_of(settings)
    return f"marts-{shown.strftime(STAMP)}.duckdb" if shown else ""


def snapshots(settings: Settings) -> list[Path]:
    """The kept snapshots, oldest first."""
    return sorted((settings.published.parent / "snapshots").glob("marts-*.duckdb"))


def published_as_of(settings: Settings) -> datetime | None:
    """The moment that the published snapshot shows, or None where there is none."""
    import duckdb

    if not settings.published.exists():
        return None
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        text = connection.execute(
            "select strftime(as_of_at, '%Y-%m-%dT%H:%M:%S') from siyu_snapshot"
        ).fetchone()[0]
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _pin(settings: Settings) -> Path:
    return settings.published.parent / "pinned.json"


def _reason(verdict: Verdict) -> str:
    return f"{verdict.detail_zh} · {verdict.detail_en}"


def _hold(settings: Settings, as_of: datetime, reason: str) -> PublishResult:
    document = {"as_of_at": as_of.isoformat(), "reason": reason}
    write_atomically(
        settings.published.parent / "held.json", json.dumps(document, ensure_ascii=False) + "\n"
    )
    return PublishResult(False, reason, "")


def _build(settings: Settings, path: Path, as_of: datetime) -> None:
    """Copy every mart into a new database file.

    Raises:
        SiyuError: the working database is locked or lacks its marts.
    """
    import duckdb

    from siyu.warehouse import connect

    with connect(settings, wait_seconds=WRITER_SECONDS) as connection:
        try:
            connection.execute(f"attach '{_quoted(path)}' as snapshot (read_write)")
            tables = connection.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_catalog = current_database() and table_schema in "
                "('marts', 'observability') and table_name like 'mart_%' order by all"
            ).fetchall()
            if tables:
                # what readers need to name what they see; no person is in these
                tables += [
                    ("dimensions", name) for name in ("dim_channel", "dim_date", "dim_metric")
                ]
            for schema, table in tables:
                _copy(connection, schema, table)
            connection.execute(
                "create table snapshot.main.siyu_snapshot as select ?::timestamp as as_of_at, "
                "?::timestamp as published_at",
                [_naive(as_of), _naive(as_of)],
            )
            connection.execute("detach snapshot")  # writes everything into the one file
        except duckdb.Error as error:
            raise SiyuError(
                f"The marts cannot be copied ({str(error).splitlines()[0]})",
                where=str(settings.warehouse),
                action="run `siyu build`, then `siyu publish` again",
            ) from error
    if not tables:
        raise SiyuError(
            "The working database has no marts",
            where=str(settings.warehouse),
            action="run `siyu build` first",
        )


def _copy(connection: "duckdb.DuckDBPyConnection", schema: str, table: str) -> None:
    if not (_SAFE.fullmatch(schema) and _SAFE.fullmatch(table)):
        raise SiyuError(f"'{schema}.{table}' is no name of a mart")
    # names of our own tables, and plain ones
    connection.execute(f"create table snapshot.main.{table} as select * from {schema}.{table}")  # noqa: S608


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _naive(moment: datetime) -> datetime:
    return aware(moment).astimezone(UTC).replace(tzinfo=None)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put(snapshot: Path, published: Path) -> None:
    """Let the published name mean this snapshot from one moment to the next."""
    link = published.with_name(f"{BUILDING}{published.name}")
    link.unlink(missing_ok=True)
    os.link(snapshot, link)
    link.replace(published)
    # renaming a link over another link to the same file leaves both: POSIX says so
    link.unlink(missing_ok=True)
    sync_folder(published.parent)


def _sweep(folder: Path) -> None:
    """Remove what a killed publish left behind; holding the lock, nothing there is in use."""
    for left in folder.glob(f"{BUILDING}*"):
        left.unlink(missing_ok=True)
    for left in folder.glob(".held.json.*.tmp"):
        left.unlink(missing_ok=True)


def _forget_old(settings: Settings) -> None:
    for path in snapshots(settings)[: -settings.keep_snapshots]:
        path.unlink(missing_ok=True)
