"""Which sources there are, by their folders alone: cheap enough for a DAG file to ask."""

import pkgutil
from pathlib import Path


def source_names() -> list[str]:
    """The vendor packages: every package beside `core`, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.ispkg and module.name != "core")
