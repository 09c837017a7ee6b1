"""Data Docs: the gates' suites and newest results as web pages, made on demand."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations import checks, freshness, gates, incident_log, landing, warehouse
from expectations.suites import freshness as freshness_suites
from expectations.suites import landing as landing_suites
from expectations.suites import warehouse as warehouse_suites
from siyu.calendar import aware
from siyu.errors import SiyuError
from siyu.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


def write_data_docs(settings: Settings, as_of: datetime, names: tuple[str, ...]) -> Path:
    """Validate the named gates' frames once more in a kept context, and write its pages.

    Returns:
        The index page, `<home>/docs/data_docs/index.html`.

    Raises:
        SiyuError: Great Expectations could not write the pages.
    """
    folder = settings.root / "docs" / "data_docs"
    project = settings.work("gx", "project").parent
    project.mkdir(parents=True, exist_ok=True)
    try:
        context = checks.context(project)
        site = {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder),
            },
        }
        if "siyu" in context.get_site_names():
            context.update_data_docs_site("siyu", site)
        else:
            context.add_data_docs_site("siyu", site)
        for name in names:
            frame, suite = _frame_and_suite(settings, name, as_of)
            if not frame.empty:
                _validate(context, frame, suite, name, as_of)
        context.build_data_docs(site_names=["siyu"])
    except SiyuError:
        raise
    except Exception as error:
        raise SiyuError(
            f"Data Docs could not be written ({type(error).__name__}: {error})",
            where=str(folder),
            action="delete <home>/work/gx and try again",
        ) from error
    return folder / "index.html"


def _validate(context: Any, frame: "pd.DataFrame", suite: Any, name: str, as_of: datetime) -> None:
    import great_expectations as gx

    suite = context.suites.add_or_update(suite)
    batches = checks.whole_frame(context, suite.name)
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=suite.name, data=batches, suite=suite)
    )
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(
            name=f"siyu.{name}", validation_definitions=[definition], result_format="SUMMARY"
        )
    )
    checkpoint.run(
        batch_parameters={"dataframe": frame},
        run_id=gx.RunIdentifier(run_name=name, run_time=aware(as_of)),
    )


def _frame_and_suite(settings: Settings, name: str, as_of: datetime) -> tuple["pd.DataFrame", Any]:
    from extractors.core.manifest import Manifest
    from siyu.cli.gate import newest_commits

    manifest = Manifest(settings.landing_address)
    commits = manifest.commits(as_of=as_of)
    if name == "landing":
        return landing.commits_frame(manifest, newest_commits(commits)), landing_suites.commits()
    if name == "freshness":
        rows = freshness.series_rows(
            gates.expected_pairs(settings, commits, as_of),
            commits,
            as_of,
            incident_log.evidence(settings, as_of),
        )
        return freshness.frame_of(rows), freshness_suites.arrivals()
    suite = warehouse_suites.facts() if name == "fact" else warehouse_suites.marts()
    return warehouse.rules_frame(settings, name, as_of), suite
