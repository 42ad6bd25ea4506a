"""`flask anticheat model`: the learned model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from app.cli.commands import Commands, as_json, container, example, note
from app.cli.identity import operator, request_id
from app.cli.output import emit, facts, table
from app.cli.progress import ProgressPrinter

_COLUMNS = ("version", "state", "trained_at", "window_since", "window_until", "players", "days", "strange")
_FEATURES = ("feature", "value", "usual", "words")
_OPENED = ("username", "score", "features", "case_id")
_VERSION = click.argument("version", type=click.IntRange(min=1))


@click.group(cls=Commands)
def model() -> None:
    """The learned model: train, try and choose it. It opens cases and does nothing else."""


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **row["numbers"]}


@model.command(epilog=example("anticheat model train --days 30"))
@click.option("--days", type=click.IntRange(1, 90), default=14, show_default=True, help="How much it learns from.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Of what is left to chance.")
@as_json
def train(days: int, seed: int, as_json: bool) -> None:
    """Learn from the ledger of the last days, as a worker does every day, and let the new model judge."""
    with ProgressPrinter("Learning", "days of players") as progress:
        made = container().learning.train(days=days, seed=seed, by=operator(), request_id=request_id(), done=progress)
    numbers, number = made["numbers"], made["version"]
    said = f"Model {number} has learned from {numbers['days']:,} days of {made['players']:,} players; "
    said += f"{numbers['strange']:.2%} of these are strange to it. "
    said += "It judges from now on." if made["state"] == "active" else "That is too many: it doesn't judge."
    emit(made, said, as_json=as_json)


@model.command("list", epilog=example("anticheat model list"))
@as_json
def list_models(as_json: bool) -> None:
    """List the models there are, the newest first; 'strange' is the part of what it learned from."""
    rows = container().learning.all()
    shown = [{**_flat(row), "strange": f"{row['numbers']['strange']:.2%}"} for row in rows]
    emit(rows, table(shown, _COLUMNS) if rows else "There is none. Train one: anticheat model train", as_json=as_json)


@model.command(epilog=example("anticheat model show 3"))
@_VERSION
@as_json
def show(version: int, as_json: bool) -> None:
    """Show what a model was made of, and its numbers."""
    row = container().learning.facts(version)
    flat = {name: value for name, value in row.items() if name not in ("settings", "numbers")}
    emit(row, facts({**flat, **row["settings"], **row["numbers"]}), as_json=as_json)


@model.command(epilog=example("anticheat model verify 3"))
@_VERSION
@as_json
def verify(version: int, as_json: bool) -> None:
    """Learn again from the same time with the same seed: the same model must come out. Exits with 1 if it doesn't."""
    with ProgressPrinter("Learning again", "days of players") as progress:
        wrong = container().learning.verify(version, done=progress)
    said = "\n".join(wrong) or f"Model {version} is what its window, seed and settings give."
    emit({"version": version, "wrong": wrong}, said, as_json=as_json)
    if wrong:
        raise click.exceptions.Exit(1)


@model.command(epilog=example("anticheat model score mallory"))
@click.argument("username")
@click.option("--version", type=click.IntRange(min=1), help="Which model; the active one if not given.")
@as_json
def score(username: str, version: int | None, as_json: bool) -> None:
    """Show what a model makes of a player's last day. Nothing follows from it."""
    player = container().accounts.find(username)
    look = container().learning.look(player.id, version)
    strange = "; ".join(f"{row['words']}: {row['value']} ({row['usual']} is usual)" for row in look.stands_out)
    of = f"{look.score:g}, where {look.threshold:g} opens a case (model {look.version})"
    emit(
        asdict(look),
        f"{table(look.features, _FEATURES)}\nScore: {of}. Farthest from others: {strange}.",
        as_json=as_json,
    )


@model.command(epilog=example("anticheat model judge"))
@as_json
def judge(as_json: bool) -> None:
    """Show everybody's last day to the active model, as a worker does every six hours; open cases for a person."""
    note("anticheat.judged_by_model", "ledger")
    with ProgressPrinter("Judging", "players") as progress:
        judged = container().learning.judge(done=progress)
    if judged is None:
        raise click.ClickException("No model is active: train one, or activate one.")
    cases = [{"username": container().accounts.find(str(one["player_id"])).username, **one} for one in judged.cases]
    said = f"Model {judged.version} looked at {judged.players:,} players: {judged.signals:,} new signals, "
    said += f"{len(cases):,} new cases."
    emit(
        {**asdict(judged), "cases": cases},
        "\n".join([*([table(cases, _OPENED)] if cases else []), said]),
        as_json=as_json,
    )


@model.command(epilog=example("anticheat model activate 3"))
@_VERSION
@as_json
def activate(version: int, as_json: bool) -> None:
    """Let this one judge, until the next is trained."""
    container().learning.activate(version, by=operator(), request_id=request_id())
    emit({"active": version}, f"Model {version} judges from now on.", as_json=as_json)


@model.command(epilog=example("anticheat model retire"))
@as_json
def retire(as_json: bool) -> None:
    """Let no model judge, until the next is trained or one is activated."""
    version = container().learning.retire(by=operator(), request_id=request_id())
    said = "No model was active." if version is None else f"Model {version} judges no longer."
    emit({"retired": version}, said, as_json=as_json)
