"""Gates, quality log, incidents, alerts and the publishing decision.

The functions below are the doors that the command line, the replay and the DAGs use. They import
what they need when they are called: Great Expectations alone costs seconds.
"""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expectations.alerts import SentMessage
    from expectations.incident_log import Incident
    from expectations.publishing import PublishResult
    from expectations.verdict import Verdict
    from extractors.core.manifest import Commit
    from siyu.settings import Settings


def landing_gate(settings: "Settings", as_of: datetime, commits: "list[Commit]") -> "list[Verdict]":
    """Judge what these pulls landed."""
    from expectations import gates

    return gates.landing_gate(settings, as_of, commits)


def freshness_gate(settings: "Settings", as_of: datetime) -> "list[Verdict]":
    """Judge from the manifest alone whether every day that is due is here and whole enough."""
    from expectations import gates

    return gates.freshness_gate(settings, as_of)


def fact_gate(settings: "Settings", as_of: datetime) -> "list[Verdict]":
    """Judge the facts in the working database."""
    from expectations import gates

    return gates.fact_gate(settings, as_of)


def mart_gate(settings: "Settings", as_of: datetime) -> "list[Verdict]":
    """Judge the marts in the working database."""
    from expectations import gates

    return gates.mart_gate(settings, as_of)


def incidents(settings: "Settings", as_of: datetime | None = None) -> "list[Incident]":
    """Every incident as it stood at a moment, derived from the quality log."""
    from expectations import incident_log

    return incident_log.incidents(settings, as_of)


def notify(settings: "Settings", as_of: datetime) -> "list[SentMessage]":
    """Tell the group robot what opened and recovered, each once."""
    from expectations import alerts

    return alerts.notify(settings, as_of)


def publish(settings: "Settings", as_of: datetime) -> "PublishResult":
    """Put the marts before readers as one whole snapshot, or hold and say why."""
    from expectations import publishing

    return publishing.publish(settings, as_of)


def published_as_of(settings: "Settings") -> datetime | None:
    """The moment that the published snapshot shows, or None where there is none."""
    from expectations import publishing

    return publishing.published_as_of(settings)
