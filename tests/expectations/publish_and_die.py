"""Publish once and die by SIGKILL at a named step; started by test_publishing.py."""

import os
import signal
import sys
from pathlib import Path

from expectations.publishing import publish
from siyu.calendar import parse_moment
from siyu.settings import Settings

home, moment, fatal = sys.argv[1:4]


def die(step: str) -> None:
    if step == fatal:
        os.kill(os.getpid(), signal.SIGKILL)


result = publish(Settings(home=Path(home)), parse_moment(moment), on_step=die)
sys.exit(0 if result.published else 3)
