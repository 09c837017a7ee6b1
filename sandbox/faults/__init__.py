"""Faults that a person injects: data that is late, wrong or gone, and answers that break."""

from sandbox.faults.data import Fault, effective, make
from sandbox.faults.registry import ACCOUNTS, STREAMS

__all__ = ["ACCOUNTS", "STREAMS", "Fault", "effective", "make"]
