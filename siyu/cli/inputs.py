"""`siyu check-inputs`: what is wrong with the files that the business keeps."""

import sys
from pathlib import Path

import click

from siyu.cli import emit, json_option, reports_errors


@click.command("check-inputs")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Check the files in here [dbt_project/seeds/inputs].",
)
@json_option
@reports_errors
def check_inputs(folder: Path | None, as_json: bool) -> None:
    """Check targets, campaigns, budgets, experiments and the other input files.

    Exits with 1 when something has to be corrected. `siyu build` makes the same check first.

    \b
    Example:
      siyu check-inputs
      siyu check-inputs --folder ~/Desktop/new-targets --json
    """  # noqa: D301 - click wants the backspace character itself
    from siyu import inputs

    problems = inputs.check_inputs(folder or inputs.FOLDER)
    if as_json:
        emit({"files": len(inputs.INPUTS), "problems": [p.as_dict() for p in problems]})
    else:
        for problem in problems:
            click.echo(str(problem))
        told = f"{len(problems)} to correct" if problems else "nothing to correct"
        click.secho(
            f"{'✗' if problems else '✓'} {len(inputs.INPUTS)} input files, {told}",
            fg="red" if problems else "green",
        )
    if problems:
        sys.exit(1)
