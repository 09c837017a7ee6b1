"""A real Airflow on this machine, as plain processes: what `make demo` and `make up` run.

SQLite metadata, LocalExecutor, everyone an admin; UI and API are bound to 127.0.0.1, Airflow's own
log servers (which ask for a signed token) are not: for one person's machine. In production use
docker-compose.yml or your own Airflow (docs/deploy.md).
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import requests

import siyu
from siyu.errors import SiyuError
from siyu.settings import Settings

COMPONENTS = ("api-server", "scheduler", "dag-processor")  # no task defers: no triggerer
REPOSITORY = Path(siyu.__file__).resolve().parent.parent
POOLS = {"siyu_warehouse": "DuckDB 单写 · one process writes the warehouse at a time"}


def airflow_environment(settings: Settings, port: int) -> dict[str, str]:
    """Environment of the Airflow processes; nothing of the caller's own Airflow leaks in."""
    home = settings.root / "airflow"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    url = f"http://127.0.0.1:{port}"
    return inherited | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "siyu.airflow_executor.WarmLocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",  # 32 idle workers otherwise
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__INSTANCE_NAME": "Siyu 私域",
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(home / "jwt_secret"),
        "AIRFLOW__API__SECRET_KEY": _secret(home / "secret_key"),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",  # a changed file: at once
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SIYU_HOME": str(settings.root),
        "SIYU_SANDBOX_URL": settings.sandbox_url,
        "SIYU_ACCOUNTS_FILE": str(settings.accounts_file.absolute()),
        # fork-safety of requests' proxy lookup and deterministic local time in tasks
        "NO_PROXY": "*",
    }


@dataclass
class LocalAirflow:
    """Airflow's processes, each in its own process group, so that none survives."""

    settings: Settings
    port: int = 0
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take a free port unless one was named."""
        self.port = self.port or free_port()
        self.environment = airflow_environment(self.settings, self.port)
        self.url = f"http://127.0.0.1:{self.port}"
        self.logs = Path(self.environment["AIRFLOW_HOME"]) / "process-logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    def start(self, *, timeout_seconds: float = 120) -> None:
        """Prepare the metadata database, start every component, wait until all are healthy."""
        self._run("db", "migrate")
        for component in COMPONENTS:
            log = (self.logs / f"{component}.log").open("ab")
            self.processes[component] = subprocess.Popen(
                [sys.executable, "-m", "airflow", component],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._wait_until_healthy(time.monotonic() + timeout_seconds)
        self.end_runs()  # of a demo that was stopped
        for name, description in POOLS.items():
            self.api(
                "POST",
                "pools",
                json={"name": name, "slots": 1, "description": description},
                accept=(201, 409),
            )

    def end_runs(self) -> None:
        """End every run that waits or runs: it would hold back new runs of its DAG."""
        for state in ("queued", "running"):
            for run in self.api("GET", f"dags/~/dagRuns?state={state}&limit=100")["dag_runs"]:
                path = f"dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"
                self.api("PATCH", path, json={"state": "failed"}, accept=(200, 404))

    def stop(self) -> None:
        """Stop every component and its children; kill what does not go."""
        for process in self.processes.values():
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + 15
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def __enter__(self) -> "LocalAirflow":
        """Start; a start that fails leaves nothing behind."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop whatever happened."""
        self.stop()

    def api(
        self, method: str, path: str, *, accept: tuple[int, ...] = (200,), **kwargs: object
    ) -> dict:
        """Call the public REST API (v2) and return its JSON."""
        answer = requests.request(method, f"{self.url}/api/v2/{path}", timeout=60, **kwargs)
        if answer.status_code not in accept:
            raise SiyuError(
                f"Airflow answered {answer.status_code}: {answer.text[:300]}",
                where=f"{method} {path}",
                action=f"see {self.logs}",
            )
        return answer.json() if answer.content else {}

    def set_paused(self, dag_ids: Iterable[str], *, is_paused: bool) -> None:
        """Switch DAGs off or on."""
        for dag_id in sorted(dag_ids):
            self.api("PATCH", f"dags/{dag_id}", json={"is_paused": is_paused})

    def trigger(
        self, dag_id: str, *, partition_key: str | None = None, conf: dict | None = None
    ) -> str:
        """Start a run by hand and return its id."""
        body = {"logical_date": None, "conf": conf or {}, "partition_key": partition_key}
        return self.api("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"]

    def runs(self, dag_id: str) -> list[dict]:
        """The runs of a DAG, oldest first."""
        return self.api("GET", f"dags/{dag_id}/dagRuns?order_by=run_after&limit=100")["dag_runs"]

    def wait_for_dags(self, wanted: set[str], *, timeout_seconds: float = 120) -> None:
        """Wait until the DAG processor has parsed every wanted DAG.

        Raises:
            SiyuError: one failed to import, or did not appear in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            found = {dag["dag_id"] for dag in self.api("GET", "dags?limit=100")["dags"]}
            if wanted <= found:
                return
            broken = self.api("GET", "importErrors")["import_errors"]
            if broken:
                raise SiyuError(
                    f"A DAG file does not import: {broken[0]['stack_trace'][-500:]}",
                    where=broken[0]["filename"],
                    action="correct the file",
                )
            self._check(deadline, f"the DAGs {sorted(wanted - found)}")

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str | None = None,
        *,
        other_than: frozenset[str] | set[str] = frozenset(),
        patience_seconds: float = 300,
    ) -> dict:
        """Wait until a run ends and return it: the one named, or the newest that is not known yet.

        A busy machine may take long: it gives up only when no task moved for `patience_seconds`.

        Raises:
            SiyuError: the run failed, a task waits for its retry, or nothing moves any more.
        """
        deadline, seen = time.monotonic() + patience_seconds, None
        while True:
            runs = [
                run
                for run in self.runs(dag_id)
                if run_id in (None, run["dag_run_id"]) and run["dag_run_id"] not in other_than
            ]
            if runs and runs[-1]["state"] == "success":
                return runs[-1]
            if runs:
                states = self._refuse_failure(dag_id, runs[-1])
                if states != seen:
                    deadline, seen = time.monotonic() + patience_seconds, states
            self._check(deadline, f"a run of {dag_id}")

    def _refuse_failure(self, dag_id: str, run: dict) -> dict[str, str]:
        # a task that waits minutes for its retry has failed as far as a person at the screen goes
        bad = ("failed", "up_for_retry", "upstream_failed")
        states = self.task_states(dag_id, run["dag_run_id"])
        failed = sorted(task for task, state in states.items() if state in bad)
        if run["state"] == "failed" or failed:
            raise SiyuError(
                f"The DAG run failed in {', '.join(failed)}",
                where=f"{dag_id} {run['dag_run_id']}",
                action=f"read the task logs below {self.environment['AIRFLOW_HOME']}/logs",
            )
        return states

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """State by task id; mapped instances as task[index]."""
        found = self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=200")
        return {
            t["task_id"] if t["map_index"] < 0 else f"{t['task_id']}[{t['map_index']}]": t["state"]
            or "waiting"
            for t in found["task_instances"]
        }

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SiyuError(
                f"`airflow {' '.join(arguments)}` failed: {done.stderr[-500:]}",
                where=self.environment["AIRFLOW_HOME"],
                action="remove that folder and try again",
            )

    def _wait_until_healthy(self, deadline: float) -> None:
        parts = ("metadatabase", "scheduler", "dag_processor")
        while True:
            try:
                health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
                if all(health[part]["status"] == "healthy" for part in parts):
                    return
            except (requests.RequestException, ValueError, KeyError):
                pass  # not up yet
            self._check(deadline, "Airflow to become healthy")

    def _check(self, deadline: float, what: str) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise SiyuError(
                    f"airflow {name} ended with {process.returncode}",
                    where=str(self.logs / f"{name}.log"),
                    action="read the end of that log",
                )
        if time.monotonic() > deadline:
            raise SiyuError(
                f"Waited in vain for {what}", where=self.url, action=f"read the logs in {self.logs}"
            )
        time.sleep(1)  # each look costs the one API server, which the tasks need, too


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _signal_group(process: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _secret(path: Path) -> str:
    """A random secret kept beside the metadata, so that restarts stay logged in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()
