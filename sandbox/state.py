"""What the sandbox remembers between restarts: world, clock, faults, tokens, robot messages."""

import os
import time
from dataclasses import asdict, replace
from pathlib import Path

import orjson

from sandbox.faults import Fault, make
from sandbox.parameters import Size
from sandbox.timeline import iso
from sandbox.world import World, generate
from siyu.errors import SiyuError, UsageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    scratch.write_bytes(content)
    scratch.replace(path)


class State:
    """The world and its virtual present.

    Attributes:
        folder: where everything is kept.
        now_ms: the virtual clock.
        version: grows with every change of the clock or the faults; caches hang on it.
    """

    def __init__(
        self,
        folder: Path,
        size: Size,
        seed: int,
        now_ms: int | None = None,
        world: World | None = None,
    ) -> None:
        """Make the world, and pick up clock, faults and tokens where they were left."""
        self.folder = folder
        self.identity = {
            "size": size.name,
            "seed": seed,
            "customers": size.customers,
            "days": size.days,
        }
        saved = self._load()
        self.world = world or generate(size, seed)
        self.now_ms: int = saved.get("now_ms", self.world.calendar.start_ms)
        self.drops_until_ms: int = saved.get("drops_until_ms", 0)
        self.faults = [Fault(**f) for f in saved.get("faults", [])]
        self.tokens: dict = saved.get("tokens", {})
        # what callers wrote through the vendors' endpoints, and how far callbacks went
        self.kept: dict = saved.get("kept", {})
        self.version = 0
        self._moved_ms = 0
        if now_ms is not None:
            if saved and now_ms < self.now_ms:
                raise UsageError(
                    f"The clock stands at {iso(self.now_ms)} and does not go back to {iso(now_ms)}",
                    where=str(folder),
                    action="start with --reset, or take another --state folder",
                )
            self.now_ms = now_ms

    def _load(self) -> dict:
        path = self.folder / "state.json"
        if not path.exists():
            return {}
        try:
            saved = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError:
            raise SiyuError(
                "The sandbox's state is not readable",
                where=str(path),
                action="start with --reset to begin anew",
            ) from None
        if saved["world"] != self.identity:
            raise UsageError(
                f"This folder holds another world: {saved['world']}",
                where=str(self.folder),
                action="start with --reset, or take another --state folder",
            )
        return saved

    def save(self) -> None:
        """Write the state down; called after every change."""
        write_atomically(
            self.folder / "state.json",
            orjson.dumps(
                {
                    "world": self.identity,
                    "now_ms": self.now_ms,
                    "drops_until_ms": self.drops_until_ms,
                    "faults": [asdict(f) for f in self.faults],
                    "tokens": self.tokens,
                    "kept": self.kept,
                }
            ),
        )

    def move_to(self, now_ms: int) -> None:
        """Show another moment; a move forward is time in which nobody called."""
        self._moved_ms += max(0, now_ms - self.now_ms)
        self.now_ms = now_ms
        self.changed()

    def elapsed_seconds(self) -> float:
        """Time that only grows: what really passes plus the moves of the clock."""
        return time.monotonic() + self._moved_ms / 1000

    def changed(self) -> None:
        """The clock or a fault changed: caches are void."""
        self.version += 1

    def add_fault(self, request: dict) -> Fault:
        """Add a fault; it holds back only what is not visible yet."""
        fault = make(1 + max((f.id for f in self.faults), default=0), request, self.now_ms)
        self.faults.append(fault)
        self.changed()
        self.save()
        return fault

    def clear_faults(self, number: int | None = None) -> list[Fault]:
        """End one fault or all; what they held back is visible from now on."""
        chosen = [f for f in self.faults if number in (None, f.id)]
        if number is not None and not chosen:
            raise UsageError(
                f"There is no fault {number}", action="list them with `siyu sandbox fault list`"
            )
        for fault in chosen:
            if fault.kind == "http" or self.now_ms <= fault.from_ms:
                self.faults.remove(fault)  # it holds nothing, or it never began
            elif fault.cleared_ms is None:
                # also of one that is over: a clock that goes back must not wake it
                fault.cleared_ms = self.now_ms
                # drops of this very moment are not delivered yet
                self.drops_until_ms = min(self.drops_until_ms, self.now_ms - 1)
        self.changed()
        self.save()
        return chosen

    def faults_of(self, source: str, account: str, stream: str) -> list[Fault]:
        """The data faults that touch a stream, each narrowed to it."""
        return [
            replace(f, stream=stream)
            for f in self.faults
            if f.kind != "http" and f.touches(source, account, stream)
        ]
