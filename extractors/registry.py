"""Every stream there is, by source and name. Importing this costs no HTTP client."""

import importlib
from types import ModuleType

from extractors.core.stream import Stream
from extractors.names import source_names
from siyu.errors import UsageError


def all_streams() -> list[Stream]:
    """Every stream, sorted by source and name."""
    return sorted(_streams().values(), key=lambda stream: (stream.source, stream.name))


def get_stream(source: str, name: str) -> Stream:
    """One stream; an unknown name lists the known ones."""
    try:
        return _streams()[source, name]
    except KeyError:
        known = ", ".join(stream.address for stream in all_streams())
        raise UsageError(
            f"There is no stream {source}.{name}", action=f"choose one of: {known}"
        ) from None


def select_streams(source: str | None = None, name: str | None = None) -> list[Stream]:
    """The streams of a source and name, either of which may be left open.

    Raises:
        UsageError: nothing matches.
    """
    chosen = [
        stream
        for stream in all_streams()
        if source in (None, stream.source) and name in (None, stream.name)
    ]
    if not chosen:
        known = ", ".join(stream.address for stream in all_streams())
        raise UsageError(
            f"There is no stream {source or '*'}.{name or '*'}", action=f"choose one of: {known}"
        )
    return chosen


def names_zh() -> dict[str, str]:
    """Source -> what people call it, for messages."""
    return {name: package.NAME_ZH for name, package in packages().items()}


def families() -> dict[str, str]:
    """Source -> family (wecom, content, commerce, ads): which extract DAG pulls it."""
    return {name: package.FAMILY for name, package in packages().items()}


def packages() -> dict[str, ModuleType]:
    """The vendor packages: every folder beside `core` that declares STREAMS."""
    return {name: importlib.import_module(f"extractors.{name}") for name in source_names()}


_CACHE: dict[tuple[str, str], Stream] = {}


def _streams() -> dict[tuple[str, str], Stream]:
    if not _CACHE:
        for package in packages().values():
            for stream_class in package.STREAMS:
                stream = stream_class()
                _CACHE[stream.source, stream.name] = stream
    return _CACHE
