"""Which marts a stream feeds: from dbt's manifest where a build has left one."""

import json
from functools import lru_cache
from pathlib import Path

from siyu.settings import Settings

PLACES = ("work/dbt/target/manifest.json", "work/dbt/manifest.json")


def is_known(settings: Settings) -> bool:
    """Whether a build has left a manifest: without one, no name does not mean none."""
    return _manifest(settings) is not None


def affected_marts(settings: Settings, source: str, stream: str) -> list[str]:
    """Names of the marts downstream of a stream, sorted; empty where no build has been yet."""
    path = _manifest(settings)
    if path is None:
        return []
    return list(_marts(str(path), path.stat().st_mtime_ns, source, stream))


def _manifest(settings: Settings) -> Path | None:
    paths = (settings.root / place for place in PLACES)
    return next((path for path in paths if path.exists()), None)


@lru_cache(maxsize=256)
def _marts(path: str, _changed: int, source: str, stream: str) -> tuple[str, ...]:
    children = _children(path, _changed)
    suffix = f".{source}.{stream}"  # source.<project>.<source>.<stream>
    start = [node for node in children if node.startswith("source.") and node.endswith(suffix)]
    seen: set[str] = set()
    todo = list(start)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += children.get(node, [])
    names = {node.rsplit(".", 1)[1] for node in seen if node.startswith("model.")}
    return tuple(sorted(name for name in names if name.startswith("mart_")))


@lru_cache(maxsize=4)
def _children(path: str, _changed: int) -> dict[str, list[str]]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8")).get("child_map") or {}
    except ValueError:
        return {}
