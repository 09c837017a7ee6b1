"""The warehouse: landed files in, published-to-be marts out. Importing this costs nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siyu.warehouse.builder import LAYERS, BuildResult, build, last_build_at
    from siyu.warehouse.database import connect, query, query_table

__all__ = ["LAYERS", "BuildResult", "build", "connect", "last_build_at", "query", "query_table"]

_HOMES = {
    "LAYERS": "builder",
    "BuildResult": "builder",
    "build": "builder",
    "last_build_at": "builder",
    "connect": "database",
    "query": "database",
    "query_table": "database",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: dbt alone costs seconds."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value
