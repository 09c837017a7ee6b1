"""Tracked page events (埋点) of H5 pages and mini programs, dropped hourly into a folder."""

from extractors.page_events.events import PageEvent

FAMILY = "content"
NAME_ZH = "页面埋点"
STREAMS = (PageEvent,)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {}
