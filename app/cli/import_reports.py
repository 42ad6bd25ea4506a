"""The way of a file through an import: checked, read in batches, counted, with a report of the lines refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

import click

from app.cli.commands import container
from app.cli.identity import operator, request_id
from app.cli.output import emit, print_message, table
from app.cli.progress import ProgressPrinter
from app.cli.transfer_files import FileLine, Format, check_file, format_of, read_lines, written_file
from app.domain.quantities import quantity
from app.domain.transfer_lines import BadLine, Outcome
from app.services.operations.import_runs import BATCH
from app.stores.unavailability import reason_of
from app.tables import safe

Line = TypeVar("Line")
Parse = Callable[[Mapping[str, object]], Line]
Take = Callable[[Sequence[Line]], list[Outcome]]

_SHOWN = 20
_REPORTED = 100  # refused lines in the answer of --json
_COLUMNS = ("line", "field", "reason")


@dataclass(frozen=True, slots=True)
class ImportChoices:
    """The options of every import."""

    file: Path
    given_format: str | None
    dry_run: bool
    refused_path: Path | None
    skip_refused: bool
    as_json: bool
    request_id: str

    @property
    def kind(self) -> Format:
        return format_of(self.file, self.given_format)


@dataclass(slots=True)
class _Report:
    """What became of the lines so far; the first of the refused ones."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    first_refused: list[dict[str, object]] = field(default_factory=list)

    def note(self, line: FileLine, outcome: Outcome, file: IO[str] | None) -> None:
        self.lines += 1
        self.counts[outcome.change] += 1
        if outcome.change != "refused":
            return
        problems = [{"field": problem.field, "message": problem.message} for problem in outcome.problems]
        if len(self.first_refused) < _REPORTED:
            self.first_refused.append({"line": line.number, "problems": problems})
        if file is not None:
            record = {"line": line.number, "problems": problems, "text": line.text}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def numbers(self) -> dict[str, int]:
        names = ("added", "changed", "unchanged", "refused")
        return {"lines": self.lines, **{name: self.counts[name] for name in names}}

    def rows(self) -> Iterator[dict[str, object]]:
        for refused in self.first_refused[:_SHOWN]:
            for problem in refused["problems"]:  # type: ignore[attr-defined]
                yield {"line": refused["line"], "field": problem["field"], "reason": problem["message"]}


def checked_choices(
    options: Mapping[str, object], columns: Sequence[str], *, has_attributes: bool = False
) -> ImportChoices:
    """Return the options of an import, once the file can be read. Raises ClickException."""
    choices = ImportChoices(request_id=request_id(), **options)  # type: ignore[arg-type]
    check_file(choices.file)
    next(read_lines(choices.file, choices.kind, columns, has_attributes=has_attributes), None)
    return choices


def import_file(
    choices: ImportChoices,
    noun: str,
    columns: Sequence[str],
    parse: Parse[Line],
    take: Take[Line],
    *,
    subject: str,
    details: Mapping[str, object] | None = None,
) -> None:
    """Import a file, print the report, and exit with 1 if lines were refused. Raises ClickException.

    The audit log gets a row before the first line, and one with the numbers at the end, a failed one too.
    """
    report, act = _Report(), f"{noun}.import"
    facts = {**(details or {}), "file": choices.file.name}
    if not choices.dry_run:
        container().audit.note(operator(), f"{act}_began", subject, facts, choices.request_id)
    try:
        _take_all(choices, noun, columns, parse, take, report)
    except BaseException as error:
        if not choices.dry_run:
            end = {
                **facts,
                **report.numbers(),
                "error": reason_of(error) if isinstance(error, Exception) else "stopped",
            }
            container().audit.note(operator(), f"{act}.failed", subject, end, choices.request_id)
        if isinstance(error, KeyboardInterrupt):
            print_message(f"Stopped after {quantity(report.lines, 'line')}: run the same command again to go on.")
        raise
    if not choices.dry_run:
        container().audit.note(operator(), f"{act}ed", subject, {**facts, **report.numbers()}, choices.request_id)
    _print(choices, noun, report)


def _take_all(
    choices: ImportChoices, noun: str, columns: Sequence[str], parse: Parse[Line], take: Take[Line], report: _Report
) -> None:
    lines = read_lines(choices.file, choices.kind, columns, has_attributes=noun == "players")
    activity = "Checking" if choices.dry_run else "Importing"
    with ExitStack() as stack:
        progress = stack.enter_context(ProgressPrinter(activity, "lines"))
        file = stack.enter_context(written_file(choices.refused_path)) if choices.refused_path else None
        while batch := list(islice(lines, BATCH)):
            for line, outcome in zip(batch, _outcomes(batch, parse, take), strict=True):
                report.note(line, outcome, file)
            progress(report.lines)


def _outcomes(batch: Iterable[FileLine], parse: Parse[Line], take: Take[Line]) -> Iterator[Outcome]:
    """Yield the outcome of each line of a batch, in its order."""
    parsed: list[Line | Outcome] = []
    for line in batch:
        if line.values is None:
            assert line.problem is not None
            parsed.append(Outcome("refused", [line.problem]))
            continue
        try:
            parsed.append(parse(line.values))
        except BadLine as error:
            parsed.append(Outcome("refused", error.problems))
    outcomes = iter(take([line for line in parsed if not isinstance(line, Outcome)]))
    for item in parsed:
        yield item if isinstance(item, Outcome) else next(outcomes)


def _print(choices: ImportChoices, noun: str, report: _Report) -> None:
    numbers = report.numbers()
    if numbers["refused"]:
        print_message(table(report.rows(), _COLUMNS))
        if numbers["refused"] > _SHOWN:
            print_message(f"and more: {numbers['refused']:,} lines were refused; --refused FILE has all of them.")
    counted = ", ".join(f"{count:,} {name}" for name, count in numbers.items() if name != "lines")
    verb = "Checked" if choices.dry_run else "Imported"
    text = f"{verb} {quantity(report.lines, 'line')} of {noun}: {counted}."
    data = {**numbers, "dry_run": choices.dry_run, "refusals": report.first_refused}
    emit(data, f"{text} Nothing was changed." if choices.dry_run else text, as_json=choices.as_json)
    if choices.refused_path:
        print_message(f"The refused lines are in {safe(str(choices.refused_path))}.")
    if numbers["refused"] and not choices.skip_refused:
        click.get_current_context().exit(1)
