"""Check the input files before dbt reads them: file, line, column, what is wrong, what to do."""

import csv
import difflib
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from siyu.errors import ConfigurationError
from siyu.inputs.files import INPUTS, Column, Finding, Input, Row, costs_near_their_campaign
from siyu.inputs.values import BadValueError

SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"
FOLDER = SEEDS / "inputs"
SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """One thing to correct; line 0 means the file as a whole, line 1 its heading."""

    file: str
    line: int
    column: str
    what: str
    action: str

    def __str__(self) -> str:
        """As it is printed: `file:line column: what. Action.`."""
        at = f":{self.line}" if self.line else ""
        column = f" {self.column}" if self.column else ""
        return f"{self.file}{at}{column}: {self.what}. What to do: {self.action}."

    def as_dict(self) -> dict:
        """For JSON."""
        return asdict(self)


def require_inputs(folder: Path = FOLDER) -> None:
    """Refuse to go on with inputs that are wrong.

    Raises:
        ConfigurationError: names the first problems and how many there are.
    """
    problems = check_inputs(folder)
    if not problems:
        return
    first = problems[0]
    told = "; ".join(
        f"{p.file}:{p.line} {p.column} {p.what}".replace("  ", " ") for p in problems[:SHOWN]
    )
    raise ConfigurationError(
        f"{len(problems)} mistakes in the input files: {told}"
        if len(problems) > 1
        else f"A mistake in the input files: {told}",
        where=str(folder / first.file),
        action=f"{first.action}; `siyu check-inputs` lists all of them",
    )


def check_inputs(folder: Path = FOLDER) -> list[Problem]:
    """Everything that is wrong with the input files, in the order of files and lines."""
    problems: list[Problem] = []
    read: dict[str, list[Row]] = {}
    for one in INPUTS:
        rows, found = _read(one, folder / one.file)
        read[one.name] = rows
        problems += found
        problems += _told(one, _repeated(one, rows))
        for rule in one.rules:
            problems += _told(one, rule(_whole(one, rows)))
    known = _known_values(read)
    for one in INPUTS:
        problems += _told(one, _strangers(one, read[one.name], known))
    by_name = {one.name: one for one in INPUTS}
    windows, costs = (
        _whole(by_name[name], read[name]) for name in ("seed_campaigns", "seed_campaign_costs")
    )
    problems += _told(by_name["seed_campaign_costs"], costs_near_their_campaign(windows, costs))
    order = {one.file: position for position, one in enumerate(INPUTS)}
    return sorted(problems, key=lambda p: (order[p.file], p.line))


def _read(one: Input, path: Path) -> tuple[list[Row], list[Problem]]:
    """Rows that can be read, and what is wrong with the others and with the file."""

    def whole(what: str, action: str) -> tuple[list[Row], list[Problem]]:
        return [], [Problem(one.file, 0, "", what, action)]

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        heading = ",".join(column.name for column in one.columns)
        return whole("the file is missing", f"put it into {path.parent} with the heading {heading}")
    except UnicodeDecodeError:
        return whole(
            "the file is not written in UTF-8",
            "save it in Excel as 'CSV UTF-8' (CSV UTF-8 逗号分隔)",
        )
    lines = list(csv.reader(io.StringIO(text, newline="")))
    if not lines:
        return whole("the file is empty", "give it its heading")
    problems = list(_heading(one, lines[0]))
    if problems:
        return [], problems
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        row, found = _row(one, lines[0], number, line)
        rows.append(row)
        problems += found
    return rows, problems


def _heading(one: Input, given: list[str]) -> Iterator[Problem]:
    wanted = [column.name for column in one.columns]
    if len(given) == 1 and any(mark in given[0] for mark in ";\t"):
        action = "save it as CSV with commas between the columns"
        yield Problem(one.file, 1, "", "the columns are not separated by commas", action)
        return
    for name in given:
        if name not in wanted:
            near = difflib.get_close_matches(name.strip().lower(), wanted, 1)
            action = f"call it {near[0]}" if near else f"remove it; columns are {', '.join(wanted)}"
            yield Problem(one.file, 1, name, "no such column", action)
    for name in wanted:
        if name not in given:
            yield Problem(one.file, 1, name, "the column is missing", "add it to the heading")
        elif given.count(name) > 1:
            yield Problem(one.file, 1, name, "the column is there twice", "remove one of the two")


def _row(one: Input, heading: list[str], number: int, line: list[str]) -> tuple[Row, list[Problem]]:
    row: Row = {"_line": number}
    if not any(cell.strip() for cell in line):
        return row, [Problem(one.file, number, "", "the line is empty", "remove it")]
    if len(line) != len(heading):
        what = f"{len(line)} values for {len(heading)} columns"
        action = "put text that holds a comma in double quotes"
        return row, [Problem(one.file, number, "", what, action)]
    problems = []
    given = dict(zip(heading, line, strict=True))
    for column in one.columns:
        try:
            row[column.name] = _value(column, given[column.name])
        except BadValueError as bad:
            problems.append(Problem(one.file, number, column.name, bad.what, bad.action))
    return row, problems


def _value(column: Column, cell: str) -> object:
    if cell != cell.strip():
        raise BadValueError(f"spaces around '{cell.strip()}'", "remove them")
    if not cell:
        if column.optional:
            return None
        raise BadValueError("no value", "fill it in")
    if column.choices is not None and cell not in column.choices:
        near = difflib.get_close_matches(cell.lower(), column.choices, 1)
        action = f"write {near[0]}" if near else f"choose one of {', '.join(column.choices)}"
        raise BadValueError(f"'{cell}' is not known here", action)
    return column.read(cell)


def _whole(one: Input, rows: list[Row]) -> list[Row]:
    """The rows of which every column could be read: rules over several rows need them all."""
    return [row for row in rows if len(row) == len(one.columns) + 1]


def _repeated(one: Input, rows: list[Row]) -> Iterator[Finding]:
    seen: dict[tuple, int] = {}
    for row in rows:
        if not all(name in row for name in one.key):
            continue
        key = tuple(row[name] for name in one.key)
        if key in seen:
            what = f"{', '.join(map(str, key))} stands on line {seen[key]} already"
            yield Finding(row["_line"], one.key[-1], what, "remove one of the two")
        seen.setdefault(key, row["_line"])


def _strangers(one: Input, rows: list[Row], known: dict[tuple, set[str]]) -> Iterator[Finding]:
    for column in one.columns:
        if column.refers is None:
            continue
        allowed = known[column.refers]
        for row in rows:
            value = row.get(column.name)
            if value is None or value in allowed:
                continue
            near = difflib.get_close_matches(str(value), sorted(allowed), 1)
            file = f"{column.refers[0]}.csv" if column.refers[0] else "the list of sources"
            action = f"write {near[0]}" if near else f"choose one of {', '.join(sorted(allowed))}"
            yield Finding(row["_line"], column.name, f"'{value}' is not in {file}", action)


def _known_values(read: dict[str, list[Row]]) -> dict[tuple, set[str]]:
    """(file, column) -> the values that others may refer to."""
    from extractors.registry import families

    known: dict[tuple, set[str]] = {("", "source"): set(families())}
    for refers in {c.refers for one in INPUTS for c in one.columns if c.refers} - known.keys():
        name, column = refers
        if name in read:
            known[refers] = {row[column] for row in read[name] if column in row}
        else:  # a list of ours, beside the inputs
            with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                known[refers] = {row[column] for row in csv.DictReader(file)}
    return known


def _told(one: Input, findings: Iterable[Finding]) -> list[Problem]:
    return [Problem(one.file, *finding) for finding in findings]
