"""Tracked page events (埋点) of H5 pages and mini programs, dropped hourly into a folder."""

from extractors.page_events.events import PageEvent

STREAMS = (PageEvent,)
