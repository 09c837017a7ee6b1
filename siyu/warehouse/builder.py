"""Build the warehouse: landing views, affected days, one dbt call, then the watermark."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from filelock import FileLock, Timeout

from extractors.core.manifest import Commit, Manifest
from siyu.calendar import aware, moment_text
from siyu.errors import SiyuError, UsageError
from siyu.settings import Settings
from siyu.warehouse.affected import Affected, find_affected, first_date
from siyu.warehouse.database import connect
from siyu.warehouse.landing import create_landing
from siyu.warehouse.state import (
    LayerState,
    begin_build,
    code_fingerprint,
    end_build,
    read_state,
    unfinished_layers,
    write_state,
)

# a layer is what can be built, judged and remembered on its own
LAYERS = {
    "facts": [
        "path:seeds",
        "path:models/staging",
        "path:models/intermediate",
        "path:models/dimensions",
        "path:models/facts",
    ],
    "marts": ["path:models/metrics", "path:models/observability", "path:models/marts"],
}
ALIASES = {"staging+facts": "facts"}


@dataclass(frozen=True)
class BuildResult:
    """What a build did.

    Attributes:
        models: nodes that ran (models and seeds; tests are counted apart).
        tests: data tests that ran.
        seconds: elapsed.
        affected_dates: business days whose data moved since the last good build.
        reason: why these days, or why all.
        failures: names of failed nodes; a build with failures raises instead.
        is_full: every day was rebuilt.
        as_of: the moment the tables show.
    """

    models: int
    seconds: float
    affected_dates: list[date]
    failures: list[str] = field(default_factory=list)
    tests: int = 0
    reason: str = ""
    is_full: bool = False
    as_of: datetime | None = None


def build(
    settings: Settings,
    *,
    as_of: datetime,
    select: str | None = None,
    full_refresh: bool = False,
    with_tests: bool = True,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> BuildResult:
    """Bring the tables up to what had been pulled at `as_of`.

    A layer remembers what it was built on only after it was built whole, so a build that was
    killed is redone by the next one. Marts are always built as of the facts they stand on.

    Args:
        settings: where landing and database are.
        as_of: pulls after this moment are not seen.
        select: `facts`, `marts`, or a dbt selection such as `fct_engagement+` (which moves no
            watermark); None builds everything.
        full_refresh: rebuild every day.
        with_tests: run the data tests too.
        on_progress: told (done, total, node name) after each node.

    Raises:
        SiyuError: nothing has landed, another build runs, or a model or test failed.
        UsageError: marts were asked for as of a moment before their facts, or without facts.
    """
    from siyu.inputs import require_inputs
    from siyu.warehouse.dbt import run_dbt

    started = time.monotonic()
    layer = ALIASES.get(select or "", select)
    layers = [layer] if layer in LAYERS else list(LAYERS)
    aware(as_of)
    require_inputs()
    with _only_build(settings):
        manifest = Manifest(settings.landing_address)
        code = code_fingerprint()
        with connect(settings, read_only=False) as connection:
            states = {name: read_state(connection, name) for name in LAYERS}
            if layer == "marts":
                as_of = _moment_of_facts(states["facts"], as_of)
            commits = _seen(manifest, as_of, states["facts"] if layer == "marts" else None)
            create_landing(connection, manifest, as_of)
            affected = find_affected(
                connection, manifest, commits, [states[n] for n in layers], as_of=as_of, code=code
            )
            broken_before = unfinished_layers(connection)
            begin_build(connection, layers)
        is_full = full_refresh or affected.is_all
        results = run_dbt(
            settings,
            _command(layer, is_full, with_tests),
            variables=_variables(affected, as_of, is_full),
            on_progress=on_progress,
        )
        if layer in LAYERS or layer is None:
            seen = LayerState(
                as_of, code, first_date(commits), frozenset(commit.document for commit in commits)
            )
            with connect(settings, read_only=False) as connection:
                write_state(connection, layers, seen)
                end_build(connection, layers)
        else:
            # a selection mends nothing that was broken before it
            with connect(settings, read_only=False) as connection:
                end_build(connection, [name for name in LAYERS if name not in broken_before])
    tests = sum(str(r.node.resource_type) == "test" for r in results)
    return BuildResult(
        models=len(results) - tests,
        tests=tests,
        seconds=time.monotonic() - started,
        affected_dates=affected.dates,
        is_full=is_full,
        as_of=as_of,
        reason="asked for" if full_refresh else affected.reason,
    )


def last_build_at(settings: Settings) -> datetime | None:
    """The moment the newest whole build was made as of; None where there is none."""
    if not settings.warehouse.exists():
        return None
    with connect(settings) as connection:
        states = [read_state(connection, layer) for layer in LAYERS]
    return None if None in states else min(state.as_of for state in states)


def unfinished_build(settings: Settings, *, wait_seconds: float = 0) -> list[str]:
    """Layers whose last build failed or was killed; their tables are of two builds."""
    if not settings.warehouse.exists():
        return []
    with connect(settings, wait_seconds=wait_seconds) as connection:
        return unfinished_layers(connection)


@contextmanager
def _only_build(settings: Settings) -> Iterator[None]:
    # the lock goes with its process, also when that is killed
    try:
        with FileLock(settings.work("build.lock"), timeout=0):
            yield
    except Timeout:
        raise SiyuError(
            "Another build is running",
            where=str(settings.warehouse),
            action="wait until it has ended, then run this again",
        ) from None


def _seen(manifest: Manifest, as_of: datetime, facts: LayerState | None) -> list[Commit]:
    commits = manifest.commits(as_of=as_of)
    if facts is not None:
        commits = [commit for commit in commits if commit.document in facts.documents]
    if not commits:
        later = manifest.commits()
        raise SiyuError(
            f"Nothing had been pulled by {moment_text(as_of)}"
            if later
            else "Nothing has landed yet",
            where=manifest.address,
            action=f"build as of {moment_text(later[0].pulled_at)} or later"
            if later
            else "run `siyu pull` first",
        )
    return commits


def _moment_of_facts(facts: LayerState | None, as_of: datetime) -> datetime:
    if facts is None or facts.as_of > as_of:
        known = f"as of {moment_text(facts.as_of)}" if facts else "not at all"
        raise UsageError(
            f"The facts are built {known}: marts as of {moment_text(as_of)} cannot stand on them",
            action="run `siyu build --select facts --as-of …` first",
        )
    return facts.as_of


def _command(layer: str | None, is_full: bool, with_tests: bool) -> list[str]:
    command = ["build", "--exclude-resource-type", "unit_test"]
    if not with_tests:
        command += ["--exclude-resource-type", "test"]
    if is_full:
        command.append("--full-refresh")
    if layer is not None:
        command += ["--select", *LAYERS.get(layer, [layer])]
        # tests that also look into the layer to come run with that layer
        command += ["--indirect-selection", "buildable" if layer == "facts" else "eager"]
    return command


def _variables(affected: Affected, as_of: datetime, is_full: bool) -> dict:
    return {
        "as_of": as_of.isoformat(),
        "affected": {} if is_full else affected.clocks,
        "affected_dates": "all" if is_full else [d.isoformat() for d in affected.dates],
    }
