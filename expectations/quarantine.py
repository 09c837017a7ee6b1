"""Pulls that could not be read: their pages lie in quarantine, and nothing of them landed."""

from datetime import datetime
from typing import TYPE_CHECKING

from expectations.verdict import FAMILIES, SCHEMA_DRIFT, WARN, Verdict

if TYPE_CHECKING:
    from extractors.core.manifest import Manifest


def verdicts(manifest: "Manifest", as_of: datetime) -> list[Verdict]:
    """A failed verdict for each pull of this moment whose source has changed its schema."""
    from extractors.core.context import QUARANTINE
    from extractors.core.tape import headers

    found = headers(manifest.storage, QUARANTINE)
    return [
        Verdict(
            gate="landing",
            check="is_readable",
            passed=False,
            severity=WARN,
            cause=SCHEMA_DRIFT,
            family=FAMILIES[SCHEMA_DRIFT],
            as_of_at=as_of,
            event_date=max(header.dates),
            source=header.source,
            account=header.account,
            stream=header.stream,
            observed=float(header.pages),
            detail_zh=f"字段结构变化，原始数据已隔离，修正后重放：{path}",
            detail_en=f"{header.reason}; raw pages wait in quarantine: "
            f"siyu pull --replay-quarantine {path}",
        )
        for path, header in found.items()
        if header.as_of == as_of.replace(microsecond=0)
    ]
