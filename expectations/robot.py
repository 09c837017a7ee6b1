"""The WeCom group robot (企业微信群机器人): the thinnest client that never lies about delivery.

Source: message push webhook, developer.work.weixin.qq.com/document/path/99110. HTTP is 200 on
failure, so errcode is what counts. Limits: 20 messages a minute per robot, 4096 bytes of Markdown.
The key in the address is the whole credential; no text that leaves this module contains it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from expectations.files import write_atomically
from siyu.errors import ConfigurationError, SiyuError
from siyu.settings import Settings

PER_MINUTE = 20
MINUTE_SECONDS = 60.0
MAX_BYTES = 4096
TOO_OFTEN = 45009
BUSY = -1
WRONG_KEY = frozenset({93000, 40008, 93017})


class RobotError(SiyuError):
    """A message was not delivered; it stays pending."""


class DeliveryUnknownError(RobotError):
    """The connection broke after the message was sent: nobody knows whether it arrived."""


@dataclass
class Robot:
    """One robot.

    Attributes:
        webhook: its full address with the key.
        ledger: file of recent send times, shared by all processes that use the robot.
        clock, sleep: elapsed real time; tests give their own.
    """

    webhook: str
    ledger: Path
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def __repr__(self) -> str:
        """Without the address: it is a secret."""
        return "<Robot>"

    def send(self, markdown: str) -> None:
        """Deliver one Markdown message.

        Raises:
            RobotError: it was not delivered.
            DeliveryUnknownError: it may or may not have been.
        """
        size = len(markdown.encode())
        if size > MAX_BYTES:
            raise RobotError(
                f"The message has {size} bytes, the robot takes {MAX_BYTES}",
                where="group robot",
                action="report this: messages must be cut first",
            )
        for attempt in Retrying(
            retry=retry_if_exception_type(_TryLaterError),
            reraise=True,
            stop=stop_after_attempt(3),
            sleep=self.sleep,
            wait=lambda state: (
                state.outcome.exception().wait_seconds or wait_random_exponential(1, max=10)(state)
            ),
        ):
            with attempt:
                self._wait_for_turn()
                self._post(markdown)

    def _post(self, markdown: str) -> None:
        body = {"msgtype": "markdown", "markdown": {"content": markdown}}
        try:
            answer = requests.post(self.webhook, json=body, timeout=(5, 15))
        except (
            requests.ConnectTimeout,
            requests.exceptions.InvalidURL,
            requests.exceptions.MissingSchema,
        ) as error:
            raise _TryLaterError(type(error).__name__) from None
        except requests.ConnectionError as error:
            if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
                raise _TryLaterError("no connection") from None
            raise _unknown(error) from None
        except requests.RequestException as error:  # its text holds the address, so it is not shown
            raise _unknown(error) from None
        if answer.status_code >= 500:
            raise _TryLaterError(f"HTTP {answer.status_code}")
        try:
            result = answer.json()
            code = int(result["errcode"])
        except (ValueError, KeyError, TypeError):
            raise RobotError(
                f"The robot answered something else (HTTP {answer.status_code})",
                where="group robot",
                action="check that SIYU_ROBOT_WEBHOOK is a robot's address",
            ) from None
        if code == TOO_OFTEN:
            # whether the minute is fixed or sliding is not documented: wait a whole one
            raise _TryLaterError("too many messages a minute", MINUTE_SECONDS)
        if code == BUSY:
            raise _TryLaterError("busy")
        if code:
            action = (
                "check SIYU_ROBOT_WEBHOOK: the key is wrong or was revoked"
                if code in WRONG_KEY
                else "look the code up in the robot's documentation"
            )
            raise RobotError(
                f"The robot refused the message (errcode {code})",
                where="group robot",
                action=action,
            )

    def _wait_for_turn(self) -> None:
        """Book one of the minute's 20 places, waiting until one is free."""
        self.ledger.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                with FileLock(f"{self.ledger}.lock", timeout=30):
                    now = self.clock()
                    recent = [t for t in self._booked() if 0 <= now - t < MINUTE_SECONDS]
                    if len(recent) < PER_MINUTE:
                        write_atomically(self.ledger, json.dumps([*recent, now]))
                        return
                    pause = MINUTE_SECONDS - (now - min(recent))
            except Timeout:
                raise RobotError(
                    "Another process holds the robot's turn for too long",
                    where=str(self.ledger),
                    action="run the command again",
                ) from None
            self.sleep(max(pause, 0.05))

    def _booked(self) -> list[float]:
        try:
            return [float(t) for t in json.loads(self.ledger.read_text())]
        except (FileNotFoundError, ValueError, TypeError):
            return []


class _TryLaterError(RobotError):
    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(
            f"The robot does not take messages ({reason})",
            where="group robot",
            action="nothing is lost: pending messages go out with the next run",
        )
        self.wait_seconds = wait_seconds


def _unknown(error: Exception) -> DeliveryUnknownError:
    return DeliveryUnknownError(
        f"The connection to the robot broke ({type(error).__name__})",
        where="group robot",
        action="nothing is lost: the message is sent again, marked as a possible repeat",
    )


def configured_robot(settings: Settings) -> Robot:
    """The robot of the settings, else the sandbox's.

    Raises:
        ConfigurationError: there is none.
    """
    webhook = settings.robot_webhook.get_secret_value()
    if not webhook and settings.sandbox_url:
        try:
            answer = requests.get(
                f"{settings.sandbox_url.rstrip('/')}/_sandbox/accounts", timeout=10
            )
            webhook = answer.json().get("robot_webhook", "")
        except (requests.RequestException, ValueError):
            webhook = ""
    if not webhook:
        raise ConfigurationError(
            "There is no group robot to alert",
            where="SIYU_ROBOT_WEBHOOK",
            action="set it to the webhook address of a WeCom group robot",
        )
    return Robot(webhook, settings.quality_log / "robot_turns.json")
