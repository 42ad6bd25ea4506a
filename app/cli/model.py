"""`flask anticheat model`: the learned model."""

from __future__ import annotations

from dataclasses import asdict

import click

from app.cli.commands import Commands, as_json, container, example, recorded_act
from app.cli.confirmation import confirm, yes_option
from app.cli.identity import operator, request_id
from app.cli.ids import find_player
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, facts, table
from app.cli.progress import ProgressPrinter
from app.domain.quantities import quantity
from app.stores.moderation.models import ModelFacts

_COLUMNS = (
    "version",
    "state",
    "trained_at",
    "window_since",
    "window_until",
    "players",
    "weeks",
    "threshold",
    "strange",
)
_FEATURE_COLUMNS = ("feature", "value", "usual", "words")
_CASE_COLUMNS = ("username", "score", "features", "case_id")
_version_argument = click.argument("version", type=WholeNumberRange(min=1))


@click.group(cls=Commands)
def model() -> None:
    """Train, try and choose the learned model. It opens cases, and refuses nothing."""


def _flatten(row: ModelFacts) -> dict[str, object]:
    return {**row, **row["numbers"]}


@model.command(epilog=example("anticheat model train --days 30"))
@click.option("--days", type=WholeNumberRange(1, 90), default=14, show_default=True, help="Days of play to train on.")
@as_json
def train(days: int, as_json: bool) -> None:
    """Train a model on the ledger of the last days, as a worker does every day, and let it judge."""
    with ProgressPrinter("Learning", "players") as progress:
        trained_model = container().model_training.train(
            days=days, by=operator(), request_id=request_id(), on_progress=progress
        )
    numbers, version = trained_model["numbers"], trained_model["version"]
    weeks, own_share = numbers["weeks"], numbers["own_share"]
    players = quantity(trained_model["players"], "player")
    text = f"Model {version} has learned from {quantity(int(weeks), 'week')} of {players}; "
    text += f"{numbers['strange']:.2%} of these are strange to it. A score of {numbers['threshold']:g} is a case, "
    text += f"with {numbers['expected']:g} false cases expected in 1,000 player-weeks. "
    text += "" if own_share == 1 else f"The model shipped with Fairboard counts {1 - own_share:.0%}: players are few. "
    text += "It judges from now on." if trained_model["state"] == "active" else "That is too strange: it doesn't judge."
    emit(trained_model, text, as_json=as_json)


@model.command("list", epilog=example("anticheat model list"))
@as_json
def list_models(as_json: bool) -> None:
    """List the models, the newest first; 'strange' is the share of strange weeks among those it was trained on."""
    rows = container().model_training.all()
    printed_rows = [{**_flatten(row), "strange": f"{row['numbers']['strange']:.2%}"} for row in rows]
    emit(
        rows,
        table(printed_rows, _COLUMNS) if rows else "There is none. Train one: anticheat model train",
        as_json=as_json,
    )


@model.command(epilog=example("anticheat model show 3"))
@_version_argument
@as_json
def show(version: int, as_json: bool) -> None:
    """Show the data and settings that a model was trained with, and its numbers."""
    row = container().model_training.facts(version)
    summary = {name: value for name, value in row.items() if name not in ("settings", "numbers")}
    emit(row, facts({**summary, **row["settings"], **row["numbers"]}), as_json=as_json)


@model.command(epilog=example("anticheat model verify 3"))
@_version_argument
@as_json
def verify(version: int, as_json: bool) -> None:
    """Train again on the same window; exit 1 if the result isn't the same model."""
    with ProgressPrinter("Learning again", "players") as progress:
        problems = container().model_training.verify(version, on_progress=progress)
    text = "\n".join(problems) or f"Training again with the same window and settings gave model {version} again."
    emit({"version": version, "wrong": problems}, text, as_json=as_json)
    if problems:
        raise click.exceptions.Exit(1)


@model.command(epilog=example("anticheat model score mallory"))
@click.argument("user")
@click.option("--version", type=WholeNumberRange(min=1), help="Version of the model; the active one if not given.")
@as_json
def score(user: str, version: int | None, as_json: bool) -> None:
    """Show how a model scores a player's last week. Nothing follows from it."""
    player = find_player(user)
    assessment = container().model_training.assess(player.id, version)
    outliers = "; ".join(f"{row['words']}: {row['value']} ({row['usual']} is usual)" for row in assessment.stands_out)
    score_text = f"{assessment.score:g}, where {assessment.threshold:g} opens a case, by {assessment.basis}"
    outliers += f". Absolute limits: {'; '.join(assessment.limits)}" if assessment.limits else ""
    emit(
        asdict(assessment),
        f"{table(assessment.features, _FEATURE_COLUMNS)}\nScore: {score_text}. Farthest from others: {outliers}.",
        as_json=as_json,
    )


@model.command(epilog=example("anticheat model judge"))
@as_json
def judge(as_json: bool) -> None:
    """Judge the players of the last day by the active model, as a worker does every hour; open cases for a person."""
    version = container().model_training.active()
    if version is None:
        raise click.ClickException("No model is active: train one, or activate one.")
    with recorded_act("anticheat.judged_by_model", "ledger"), ProgressPrinter("Judging", "players") as progress:
        judgement = container().model_training.judge(version, on_progress=progress)
        assert judgement is not None, "this version exists"
    cases = [{"username": container().cases.player_name(case.case_id), **asdict(case)} for case in judgement.cases]
    text = f"Model {judgement.version} looked at {quantity(judgement.players, 'player')}: "
    text += f"{quantity(judgement.signals, 'new signal')}, {quantity(len(cases), 'new case')}."
    emit(
        {**asdict(judgement), "cases": cases},
        "\n".join([*([table(cases, _CASE_COLUMNS)] if cases else []), text]),
        as_json=as_json,
    )


@model.command(epilog=example("anticheat model activate 3"))
@_version_argument
@as_json
def activate(version: int, as_json: bool) -> None:
    """Let this model judge until the next is trained."""
    container().model_training.activate(version, by=operator(), request_id=request_id())
    emit({"active": version}, f"Model {version} judges from now on.", as_json=as_json)


@model.command(epilog=example("anticheat model retire"))
@yes_option
@as_json
def retire(yes: bool, as_json: bool) -> None:
    """Let no model judge until the next is trained or one is activated."""
    confirm(lambda: "Let no model judge until the next is trained?", yes=yes)
    version = container().model_training.retire(by=operator(), request_id=request_id())
    text = "No model was active." if version is None else f"Model {version} no longer judges."
    emit({"retired": version}, text, as_json=as_json)
