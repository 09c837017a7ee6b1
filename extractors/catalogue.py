"""Every endpoint of the vendors beside the streams that read it: what `siyu sources` shows.

`endpoints.yml` lists what the vendors document; each vendor's package says what it reads of that
(`Stream.endpoints`) and what it does not, and why (`NOT_EXTRACTED`). The table of
docs/sources.md is made from here, and a test holds that nothing is left out.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from extractors.core.stream import Kind, Stream
from extractors.registry import all_streams, packages

ENDPOINTS = Path(__file__).with_name("endpoints.yml")
HEADS = ("Source", "Grain", "Units", "Late", "Raises")


@dataclass(frozen=True)
class Line:
    """One endpoint and one stream that reads it; `stream` empty: none does, for this reason."""

    source: str
    endpoint: str
    name_zh: str
    paths: tuple[str, ...]
    status: str
    confidence: str
    stream: str = ""
    kind: str = ""
    grain: str = ""
    ready: str = ""
    revised_days: int | None = None
    units: str = ""
    reason: str = ""


def lines(source: str | None = None) -> list[Line]:
    """Every endpoint, and streams that no vendor endpoint feeds (our own formats), by source."""
    found = []
    by_source = documented_endpoints()
    for name in sorted(by_source.keys() | packages().keys()):
        if source in (None, name):
            found += _of_source(name, by_source.get(name, {}))
    return found


def gaps() -> list[str]:
    """What is silently left out or named wrongly; empty when the catalogue is whole."""
    problems = []
    by_source = documented_endpoints()
    for name, package in packages().items():
        known = by_source.get(name, {}).keys()
        read = {e for stream in all_streams() if stream.source == name for e in stream.endpoints}
        refused = package.NOT_EXTRACTED.keys()
        problems += [f"{name}: {e} is neither read nor refused" for e in known - read - refused]
        problems += [f"{name}: {e} is both read and refused" for e in read & refused]
        problems += [f"{name}: {e} is no documented endpoint" for e in (read | refused) - known]
    problems += [f"{name}: no package reads it" for name in by_source.keys() - packages().keys()]
    return sorted(problems)


@lru_cache(maxsize=1)
def documented_endpoints() -> dict[str, dict[str, dict]]:
    """Source -> endpoint id -> name_zh, method, paths, status, confidence."""
    return yaml.safe_load(ENDPOINTS.read_text(encoding="utf-8"))


def head(stream: Stream, name: str) -> str:
    """What a stream's docstring says under one of its fixed heads; empty where it lacks it."""
    text = type(stream).__doc__ or ""
    others = "|".join(HEADS)
    match = re.search(
        rf"^\s*{name}:\s*(.+?)(?=^\s*(?:{others}):|\Z)", text, re.MULTILINE | re.DOTALL
    )
    return " ".join(match.group(1).split()) if match else ""


def _of_source(source: str, documented: dict[str, dict]) -> list[Line]:
    streams = [stream for stream in all_streams() if stream.source == source]
    refused = packages()[source].NOT_EXTRACTED if source in packages() else {}
    found = []
    for endpoint, facts in documented.items():
        common = {
            "source": source,
            "endpoint": endpoint,
            "name_zh": facts["name_zh"],
            "paths": tuple(facts["paths"]),
            "status": facts["status"],
            "confidence": facts["confidence"],
        }
        readers = [stream for stream in streams if endpoint in stream.endpoints]
        found += [Line(**common, **_told(stream)) for stream in readers]
        if not readers:
            found.append(Line(**common, reason=refused.get(endpoint, "")))
    found += [
        Line(
            source=source,
            endpoint="",
            name_zh="",
            paths=(stream.endpoint,),
            status="active",
            confidence=stream.confidence,
            **_told(stream),
        )
        for stream in streams
        if not stream.endpoints
    ]
    return found


def _told(stream: Stream) -> dict:
    is_report = stream.kind == Kind.REPORT
    return {
        "stream": stream.name,
        "kind": str(stream.kind),
        "grain": head(stream, "Grain"),
        "ready": f"{stream.ready_at:%H:%M} next day" if is_report else "now",
        "revised_days": stream.revised_for_days,
        "units": head(stream, "Units"),
    }
