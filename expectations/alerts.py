"""Tell the robot what opened and what recovered: each once, whatever crashes in between.

The ledger `<home>/quality/alerts.jsonl` is append-only. Before sending, a message is claimed; after
it, marked as sent or failed. A claim without an end means that the process died in between: the
message is then sent once more and says so itself, because a lost alert is worse than a marked
repeat. A robot that refuses leaves the message pending for the next run.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from expectations import messages, quality_log
from expectations.files import append_line
from expectations.incident_log import Incident, incidents
from expectations.lineage import affected_marts
from expectations.robot import DeliveryUnknownError, Robot, configured_robot
from expectations.verdict import WARN, Verdict, checker_error
from siyu.clock import day_of
from siyu.errors import SiyuError
from siyu.settings import Settings

CHANNEL = "wecom_robot"
GATE = "alert"  # the alert channel's own line in the quality log
DIGEST_ABOVE = 5  # more new messages than this in one run become one digest
OPENING, RECOVERY, DIGEST = "opening", "recovery", "digest"
CLAIMED, SENT, FAILED = "claimed", "sent", "failed"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SentMessage:
    """One message that was delivered; a digest has no single incident."""

    channel: str
    kind: str
    incident: str
    text: str
    incidents: tuple[str, ...] = ()


@dataclass
class Delivery:
    """What one run told, and what it could not tell."""

    sent: list[SentMessage] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Message:
    kind: str
    tells: tuple[tuple[str, str], ...]  # (incident, opening | recovery)
    text: str


def notify(settings: Settings, as_of: datetime) -> list[SentMessage]:
    """Deliver what is pending; a dead robot is logged and stays pending, never raised."""
    return deliver(settings, as_of).sent


def deliver(
    settings: Settings, as_of: datetime, robot_of: Callable[[Settings], Robot] = configured_robot
) -> Delivery:
    """Send one message per opening and per recovery not told yet.

    Args:
        settings: say where log, ledger and robot are.
        as_of: incidents are told as they stood then.
        robot_of: makes the robot; asked only when there is something to tell.
    """
    done = Delivery()
    ledger = settings.quality_log / "alerts.jsonl"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{ledger}.lock", timeout=600):
        told = read_ledger(ledger)
        pending = _pending(settings, incidents(settings, as_of), told)
        if not pending:
            return done
        try:
            robot = robot_of(settings)
        except SiyuError as error:
            done.problems.append(str(error))
        else:
            for message in pending:
                _send(robot, ledger, message, as_of, done)
    _record(settings, as_of, done)
    return done


def read_ledger(ledger: Path) -> dict[tuple[str, str], str]:
    """(incident, opening | recovery) -> claimed, sent or failed; a torn line counts for nothing."""
    told: dict[tuple[str, str], str] = {}
    if not ledger.exists():
        return told
    for line in ledger.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        told[entry["incident"], entry["kind"]] = entry["state"]
    return told


def _pending(
    settings: Settings, found: list[Incident], told: dict[tuple[str, str], str]
) -> list[_Message]:
    # the robot is not told that it was dead
    found = [i for i in found if not (i.is_checker_error and i.stream == f"{GATE}_gate")]

    def untold(incident: Incident, kind: str) -> bool:
        return told.get((incident.id, kind)) != SENT

    opened = [i for i in found if i.is_open and untold(i, OPENING)]
    recovered = [i for i in found if not i.is_open and untold(i, RECOVERY)]

    def may_repeat(incident: Incident, kind: str) -> bool:
        return told.get((incident.id, kind)) == CLAIMED

    if len(opened) + len(recovered) > DIGEST_ABOVE:
        tells = [(i.id, OPENING) for i in opened]
        for incident in recovered:
            tells += [(incident.id, OPENING), (incident.id, RECOVERY)]
        repeats = any(told.get(tell) == CLAIMED for tell in tells)
        return [
            _Message(DIGEST, tuple(tells), messages.digest(opened, recovered, may_repeat=repeats))
        ]
    result = [
        _Message(
            OPENING,
            ((i.id, OPENING),),
            messages.opening(
                i, affected_marts(settings, i.source, i.stream), may_repeat=may_repeat(i, OPENING)
            ),
        )
        for i in opened
    ]
    for i in recovered:
        # opened and over before anybody could be told: one message says both
        was_told = not untold(i, OPENING)
        tells = ((i.id, RECOVERY),) if was_told else ((i.id, OPENING), (i.id, RECOVERY))
        result.append(
            _Message(
                RECOVERY,
                tells,
                messages.recovery(i, opening_was_told=was_told, may_repeat=may_repeat(i, RECOVERY)),
            )
        )
    return result


def _send(robot: Robot, ledger: Path, message: _Message, as_of: datetime, done: Delivery) -> None:
    _note(ledger, message, CLAIMED, as_of)
    try:
        robot.send(message.text)
    except DeliveryUnknownError as error:
        # the claim stays: the next run repeats the message and marks it
        done.problems.append(str(error))
        return
    except SiyuError as error:
        _note(ledger, message, FAILED, as_of)
        done.problems.append(str(error))
        return
    _note(ledger, message, SENT, as_of)
    names = tuple(dict.fromkeys(incident for incident, _ in message.tells))
    done.sent.append(
        SentMessage(CHANNEL, message.kind, names[0] if len(names) == 1 else "", message.text, names)
    )


def _note(ledger: Path, message: _Message, state: str, as_of: datetime) -> None:
    # one write for all, so that a crash leaves a digest claimed or unclaimed as a whole
    append_line(
        ledger,
        "\n".join(
            json.dumps(
                {
                    "incident": incident,
                    "kind": kind,
                    "state": state,
                    "as_of_at": as_of.isoformat(),
                    "message": message.kind,
                }
            )
            for incident, kind in message.tells
        ),
    )


def _record(settings: Settings, as_of: datetime, done: Delivery) -> None:
    """The alert channel's own health, as evidence like any other."""
    if done.problems:
        log.warning("alerts pending: %s", "; ".join(done.problems))
        error = SiyuError("; ".join(done.problems))
        verdict = checker_error(GATE, as_of, day_of(as_of), error)
    else:
        verdict = Verdict(
            gate=GATE,
            check="checker",
            as_of_at=as_of,
            event_date=day_of(as_of),
            passed=True,
            severity=WARN,
            family="checker",
            source="siyu",
            stream=f"{GATE}_gate",
        )
    quality_log.record(settings, as_of, GATE, [verdict])
