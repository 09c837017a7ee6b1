"""The Airflow tasks that several DAGs share. The work itself is in extractors, warehouse and gates.

DAG files declare; this module wires. Everything heavy is imported when a task runs.
"""

import logging
from datetime import timedelta

from airflow.sdk import Asset, ExceptionRetryPolicy, Param, RetryAction, RetryRule, task

from extractors.names import source_names

TZ = "Asia/Shanghai"
SOURCES = source_names()
LOG = logging.getLogger("siyu.dags")
WAREHOUSE_POOL = "siyu_warehouse"  # one slot: DuckDB has one writer

AS_OF = Param(
    None,
    type=["null", "string"],
    format="date-time",
    title="时点 as_of",
    description="Repeat the run as of this moment (with offset). Empty: now.",
)

# A wrong secret or account name does not heal by waiting; anything else may.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="siyu.errors.ConfigurationError",
            action=RetryAction.FAIL,
            reason="a setting or secret must be corrected first",
        ),
        RetryRule(
            exception="siyu.errors.UsageError",
            action=RetryAction.FAIL,
            reason="the request itself is wrong",
        ),
    ]
)

DEFAULTS = {
    "owner": "data-engineering",
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_policy": RETRY_POLICY,
}


def landing_asset(group: str) -> Asset:
    """The landed business days of one group of sources, one partition a day."""
    return Asset(name=f"landing_{group}", uri=f"siyu://landing/{group}", group="landing")


def connection_extras(connection_id: str) -> dict:
    """An Airflow connection's extras, or nothing where there is no such connection."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(connection_id).extra_dejson
    except AirflowNotFoundException:
        return {}


def land_and_check(group: str) -> None:
    """Tasks of an extract DAG: find the accounts, land each one's streams, judge, emit the day."""

    @task(doc_md="Which accounts of this group are configured.")
    def find_accounts(params: dict, dag_run=None) -> list[dict]:
        from extractors.core.pull import check_key
        from extractors.registry import families
        from siyu.accounts import load_accounts
        from siyu.clock import check_partition, now
        from siyu.settings import Settings

        settings, family_of = Settings(), families()
        partition = getattr(dag_run, "partition_key", None)  # a run by hand may lack it
        check_partition(now(settings, params["as_of"]), partition)
        check_key(settings)
        accounts = load_accounts(settings, connection=connection_extras)
        return [
            {"source": account.source, "account": account.account}
            for account in accounts
            if family_of[account.source] == group
        ]

    @task(
        map_index_template="{{ account_label }}",
        doc_md="Pull every stream of one account: each window that is due by the manifest. A "
        "stream that fails does not stop the others; a retry pulls only what is still due.",
    )
    def land(due: dict, params: dict) -> list[str]:
        from airflow.sdk import get_current_context

        from extractors.core.pull import attempt_all, due_streams
        from siyu.accounts import load_accounts, select
        from siyu.clock import now
        from siyu.settings import Settings

        get_current_context()["account_label"] = "{source} / {account}".format(**due)
        settings = Settings()
        accounts = load_accounts(settings, connection=connection_extras)
        asked = [
            (account, stream, None)
            for account, stream in due_streams(select(accounts, due["source"], due["account"]))
        ]
        failed, run_ids = [], []
        for result in attempt_all(settings, asked, now(settings, params["as_of"])):
            if result.error:
                LOG.error("%s failed: %s", result.stream, result.error)
                failed.append(result)
                continue
            log_pull(result.stream, result.commit)
            run_ids += [result.commit.run_id] if result.commit else []
        raise_failures(failed, len(asked))
        return run_ids

    @task(
        outlets=[landing_asset(group)],
        doc_md="Judge what landed; a `block` failure keeps the day from the warehouse.",
    )
    def landing_gate(landed: list[list[str]], params: dict) -> str:
        from expectations import landing_gate as judge
        from extractors.core.manifest import Manifest
        from siyu.clock import now
        from siyu.settings import Settings

        settings = Settings()
        wanted = {run_id for run_ids in landed for run_id in run_ids}
        commits = [c for c in Manifest(settings.landing_address).commits() if c.run_id in wanted]
        return verdict_report(judge(settings, now(settings, params["as_of"]), commits))

    landing_gate(land.partial().expand(due=find_accounts()))


def log_pull(name: str, commit: object | None) -> None:
    """What a pull landed, for the task's log: window, rows, calls, and each warning as one."""
    if commit is None:
        LOG.info("%s: nothing is due", name)
        return
    LOG.info(
        "%s: landed %s rows of %s..%s (%s days answered, %s files, %s calls) as of %s, run %s",
        name,
        f"{commit.rows:,}",
        *commit.window,
        len(commit.covered_dates),
        len(commit.files),
        commit.requests,
        commit.pulled_at.isoformat(),
        commit.run_id,
    )
    if commit.not_ready_dates:
        days = ", ".join(map(str, commit.not_ready_dates))
        LOG.warning("%s: not ready at the source: %s", name, days)
    if commit.unknown_fields:
        LOG.warning("%s: fields outside the contract: %s", name, ", ".join(commit.unknown_fields))
    for warning in commit.warnings:
        LOG.warning("%s: %s", name, warning)


def raise_failures(failed: list, asked: int) -> None:
    """End the task when streams failed, naming them all.

    Raises:
        ConfigurationError: only settings or secrets are wrong: trying again heals nothing.
        SiyuError: anything else; the task's retries pull what is still due.
    """
    from siyu.errors import ConfigurationError, SiyuError, UsageError

    if not failed:
        return
    errors = [result.error for result in failed]
    is_permanent = all(isinstance(error, ConfigurationError | UsageError) for error in errors)
    raise (ConfigurationError if is_permanent else SiyuError)(
        f"{len(failed)} of {asked} streams failed: {errors[0].what}",
        where=", ".join(f"{r.source}/{r.account} {r.stream}" for r in failed),
        action=errors[0].action or "see the log above",
    )


def verdict_report(verdicts: list) -> str:
    """Print the failed verdicts; raise where one blocks.

    Raises:
        SiyuError: a `block` verdict failed, or the checker itself could not judge.
    """
    from siyu.errors import SiyuError

    failed = [v for v in verdicts if not v.passed]
    for verdict in failed:
        print(
            f"{verdict.severity:5} {verdict.cause:20} {verdict.source}/{verdict.account}/"
            f"{verdict.channel or '*'}/{verdict.stream} {verdict.event_date}: {verdict.detail_zh}"
        )
    summary = f"{len(verdicts)} verdicts, {len(failed)} failed"
    print(summary)
    blocking = [v for v in failed if v.severity == "block" or v.is_checker_error]
    if blocking:
        first = blocking[0]
        raise SiyuError(
            f"{len(blocking)} of {len(verdicts)} verdicts block: {first.cause}, {first.detail_en}",
            where=f"{first.gate} {first.source}/{first.account}/{first.stream}",
            action="see `siyu incidents --open` and docs/oncall.md",
        )
    return summary


def send_alerts(params: dict) -> str:
    """Tell the robot what opened or recovered and was not told yet."""
    from expectations import notify
    from siyu.clock import now
    from siyu.settings import Settings

    settings = Settings()
    sent = notify(settings, now(settings, params["as_of"]))
    for message in sent:
        print(f"{message.kind}: {message.incident}")
    return f"{len(sent)} messages sent"


def backfill_window(params: dict) -> int:
    """Pull the window that was asked for again, or all history; returns the rows landed.

    Raises:
        SiyuError: a stream failed; the others were pulled and committed.
    """
    from extractors.core.backfill import backfill_all
    from extractors.core.pull import backfill
    from siyu.calendar import parse_date
    from siyu.clock import now
    from siyu.settings import Settings

    settings = Settings()
    chosen = {name: params[name] for name in ("source", "stream", "account")}
    as_of = now(settings, params["as_of"])
    if params["all_history"]:
        results = backfill_all(settings, as_of=as_of, connection=connection_extras, **chosen)
        commits = [result.commit for result in results if result.commit]
        for commit in commits:
            log_pull(commit.stream, commit)
        for result in results:
            if result.error:
                raise result.error
    else:
        commits = backfill(
            settings,
            as_of=as_of,
            first=parse_date(params["first_date"]),
            last=parse_date(params["last_date"]),
            connection=connection_extras,
            **chosen,
        )
        for commit in commits:
            log_pull(commit.stream, commit)
    return sum(commit.rows for commit in commits)
