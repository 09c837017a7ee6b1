"""The arrival history of a landing, with the delay at which each stream's values are final."""

from datetime import datetime
from typing import TYPE_CHECKING

from extractors.registry import all_streams

if TYPE_CHECKING:
    import pandas as pd

    from extractors.core.manifest import Manifest


def landed_arrivals(manifest: "Manifest", as_of: datetime) -> "pd.DataFrame":
    """`Manifest.arrivals_frame` of the streams that are revised, with a column final_delay.

    A stream that its source never revises has nothing to estimate and is left out.
    """
    revised = {
        (stream.source, stream.name): stream.revised_for_days
        for stream in all_streams()
        if stream.revised_for_days > 0
    }
    frame = manifest.arrivals_frame(as_of)
    names = zip(frame["source"], frame["stream"], strict=True)
    frame["final_delay"] = [revised.get(name) for name in names]
    frame = frame[frame["final_delay"].notna()]
    return frame.assign(final_delay=frame["final_delay"].astype(int))
