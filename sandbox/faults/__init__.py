"""Faults that a person injects: data that is late, wrong or gone, and answers that break."""

from sandbox.faults.data import effective
from sandbox.faults.make import KINDS, PROTOCOL, make
from sandbox.faults.model import Fault
from sandbox.faults.registry import ACCOUNTS, STREAMS

__all__ = ["ACCOUNTS", "KINDS", "PROTOCOL", "STREAMS", "Fault", "effective", "make"]
