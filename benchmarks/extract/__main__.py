"""How fast rows are landed, beside three other ways to do it; prints one JSON line a run.

Run: python benchmarks/extract [--rows 200000] [--tools bare siyu]    (all of it: half an hour)

Each tool reads the same prepared pages from the same local server, in a process of its own, one
after the other: a bare loop (requests, orjson, pyarrow), this project, dlt to Parquet, and
airbyte-cdk to nowhere. `cpu_seconds` is what a busy machine does not blur. dlt and airbyte-cdk live
in an environment of their own, made on the first run from benchmarks/requirements-extract.txt.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
OTHERS = HERE / ".venv"
TOOLS = {
    "bare": ("bare.py", sys.executable),
    "siyu": ("siyu_pull.py", sys.executable),
    "dlt": ("dlt_load.py", str(OTHERS / "bin/python")),
    "airbyte": ("airbyte_read.py", str(OTHERS / "bin/python")),
}
KINDS = ("ad_report", "customers")


def make_environment() -> None:
    if OTHERS.exists():
        return
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, OTHERS], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", OTHERS / "bin/python"]
    subprocess.run([*install, "-r", HERE.parent / "requirements-extract.txt"], check=True)


def run(tool: str, address: str, rows: int, kind: str) -> dict:
    script, python = TOOLS[tool]
    with tempfile.TemporaryDirectory(prefix="siyu-benchmark-") as folder:
        done = subprocess.run(
            [python, script, address, str(rows), kind, folder],
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(f"{tool} failed:\n{done.stderr[-2000:]}")
    figures = json.loads(done.stdout.splitlines()[-1])
    figures["rows_per_second"] = round(figures["rows"] / figures["seconds"])
    return {"kind": kind, "tool": tool, **figures}


def ratios(results: list[dict]) -> dict:
    """This project's rows a second over each other tool's, by wall clock and by processor time."""
    by_tool = {result["tool"]: result for result in results}
    mine = by_tool.get("siyu")
    if mine is None:
        return {}

    def rate(result: dict, of: str) -> float:
        return result["rows"] / result[of]

    return {
        f"siyu_over_{tool}{suffix}": round(rate(mine, of) / rate(other, of), 2)
        for tool, other in by_tool.items()
        if tool != "siyu"
        for of, suffix in (("seconds", ""), ("cpu_seconds", "_cpu"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, 2_000_000])
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    if {"dlt", "airbyte"} & set(options.tools):
        make_environment()
    server = subprocess.Popen(
        [sys.executable, HERE / "server.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = server.stdout.readline().strip()
        for kind in options.kinds:
            for rows in options.rows:
                results = []
                for tool in options.tools:
                    results.append(run(tool, address, rows, kind))
                    print(json.dumps(results[-1]), flush=True)
                print(json.dumps({"kind": kind, "rows": rows, **ratios(results)}), flush=True)
    finally:
        server.stdin.close()
        server.wait(timeout=10)


if __name__ == "__main__":
    main()
