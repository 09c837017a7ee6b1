"""Run the sandbox: in this process (`run`), or in one of its own (`start`)."""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from siyu.errors import SiyuError

if TYPE_CHECKING:
    import uvicorn

_LONGEST_START_SECONDS = 120.0


@dataclass
class Handle:
    """A running sandbox process."""

    url: str
    state_dir: Path
    process: subprocess.Popen
    is_temporary: bool

    def stop(self) -> None:
        """End the process; a temporary state folder goes with it."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()  # the child ends when its parent's pipe closes
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        if self.is_temporary:
            shutil.rmtree(self.state_dir, ignore_errors=True)

    def __enter__(self) -> "Handle":
        """Use it as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop on the way out."""
        self.stop()


def start(
    size: str = "demo",
    seed: int = 7,
    port: int = 0,
    state_dir: Path | None = None,
    now: datetime | None = None,
    *,
    reset: bool = False,
    rate_limit_scale: float = 1.0,
    robot_per_minute: int = 20,
    callback_url: str | None = None,
    wecom_concurrency: int = 0,
    latency_ms: float = 0.0,
) -> Handle:
    """Start a sandbox in a process of its own and wait until it answers.

    Args:
        size: small, demo or large.
        seed: of the world.
        port: 0 takes a free one.
        state_dir: where clock, faults, drops and messages are kept; None makes a temporary one.
        now: the virtual clock (aware); None goes on where the folder stands, or at the start.
        reset: forget what the folder holds.
        rate_limit_scale: factor on all rate limits; 0 switches them off.
        robot_per_minute: messages a minute the robot takes.
        callback_url: where WeCom's event callbacks go.
        wecom_concurrency: calls of one WeCom endpoint that may run at once (45033); 0 for any.
        latency_ms: how long each WeCom call takes at least.

    Raises:
        SiyuError: the process did not come up; the message holds what it said.
    """
    folder = Path(state_dir) if state_dir else Path(tempfile.mkdtemp(prefix="siyu-sandbox-"))
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "sandbox.server",
        "--size",
        size,
        "--seed",
        str(seed),
        "--port",
        str(port),
        "--state",
        str(folder),
        "--until-stdin-closes",
        "--rate-limit-scale",
        str(rate_limit_scale),
        "--robot-per-minute",
        str(robot_per_minute),
        "--wecom-concurrency",
        str(wecom_concurrency),
        "--latency-ms",
        str(latency_ms),
    ]
    if callback_url:
        command += ["--callback-url", callback_url]
    if now:
        command += ["--at", now.isoformat()]
    if reset:
        command.append("--reset")
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    log = folder / "sandbox.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    timer = threading.Timer(_LONGEST_START_SECONDS, process.kill)
    timer.start()
    line = process.stdout.readline()
    timer.cancel()
    handle = Handle("", folder, process, is_temporary=state_dir is None)
    if not line:
        said = log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
        handle.stop()
        raise SiyuError(
            f"The sandbox did not start: {said or 'it said nothing'}",
            where=str(folder),
            action="read the message; often another --state or --reset helps",
        )
    handle.url = json.loads(line)["url"]
    return handle


def run(
    size: str,
    seed: int,
    port: int,
    state_dir: Path,
    now: datetime | None = None,
    *,
    host: str = "127.0.0.1",
    reset: bool = False,
    rate_limit_scale: float = 1.0,
    robot_per_minute: int = 20,
    callback_url: str | None = None,
    wecom_concurrency: int = 0,
    latency_ms: float = 0.0,
    until_stdin_closes: bool = False,
) -> None:
    """Serve until stopped; prints one JSON line with the address once it answers."""
    import uvicorn

    from sandbox.app import Sandbox
    from sandbox.parameters import size_named
    from sandbox.state import State
    from sandbox.timeline import to_ms

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise SiyuError(
            f"The port is not free: {error.strerror}",
            where=f"{host}:{port}",
            action="choose another --port, or 0 for any free one",
        ) from None
    listener.listen(128)
    if reset:
        forget(state_dir)
    state_dir.mkdir(parents=True, exist_ok=True)
    state = State(state_dir, size_named(size), seed, to_ms(now) if now else None)
    sandbox = Sandbox(
        state,
        rate_limit_scale=rate_limit_scale,
        robot_per_minute=robot_per_minute,
        callback_url=callback_url,
        wecom_concurrency=wecom_concurrency,
        latency_ms=latency_ms,
    )
    # the Date header is the virtual clock's: the middleware writes it
    server = uvicorn.Server(
        uvicorn.Config(
            sandbox.application(),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
    )
    if until_stdin_closes:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    url = f"http://{host}:{listener.getsockname()[1]}"
    # the socket listens already: whoever reads the line may connect
    sys.stdout.write(json.dumps({"url": url, "state": str(state_dir)}) + "\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


def forget(state_dir: Path) -> None:
    """Remove what a sandbox keeps in its folder, and nothing else."""
    for name in ("state.json", "robot.jsonl"):
        (state_dir / name).unlink(missing_ok=True)
    for name in ("drops", "drops_mini", "drops.unreachable", "drops_mini.unreachable"):
        shutil.rmtree(state_dir / name, ignore_errors=True)


def _stop_with_stdin(server: "uvicorn.Server") -> None:
    while os.read(0, 1024):
        pass
    server.should_exit = True


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.server")
    parser.add_argument("--size", default="demo")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--at", type=datetime.fromisoformat)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--reset", action="store_true")
    parser.add_argument("--rate-limit-scale", type=float, default=1.0)
    parser.add_argument("--robot-per-minute", type=int, default=20)
    parser.add_argument("--callback-url")
    parser.add_argument("--wecom-concurrency", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--until-stdin-closes", action="store_true")
    a = parser.parse_args()
    try:
        run(
            a.size,
            a.seed,
            a.port,
            a.state,
            a.at,
            host=a.host,
            reset=a.reset,
            rate_limit_scale=a.rate_limit_scale,
            robot_per_minute=a.robot_per_minute,
            callback_url=a.callback_url,
            wecom_concurrency=a.wecom_concurrency,
            latency_ms=a.latency_ms,
            until_stdin_closes=a.until_stdin_closes,
        )
    except SiyuError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    _main()
