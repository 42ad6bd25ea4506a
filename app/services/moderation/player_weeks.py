"""Players' plays as the learned model reads them: all to learn from, or those of the active ones to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from anticheat.features import DAY, WEEK
from anticheat.model import Assessment, Model, assess
from anticheat.plays import Plays
from anticheat.shipped import shipped_model
from anticheat.training import Verdict, train
from app.stores.moderation.play_history import PlayLedger, play_ledger
from app.stores.postgres.engine import Database

ONE_DAY, ONE_WEEK = timedelta(seconds=DAY), timedelta(seconds=WEEK)


@dataclass(frozen=True, slots=True)
class TrainingInput:
    """The input of a training besides the ledger: the players left out, and the decided cases, true if confirmed."""

    left_out: frozenset[UUID]
    verdicts: dict[UUID, bool]

    @staticmethod
    def of_row(row: dict[str, object]) -> TrainingInput:
        """Return the input that a stored model names."""
        left_out, verdicts = row["left_out"], row["verdicts"]
        assert isinstance(left_out, list)
        assert isinstance(verdicts, dict)
        return TrainingInput(frozenset(map(UUID, left_out)), {UUID(case): value for case, value in verdicts.items()})

    def as_row(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "left_out": sorted(map(str, self.left_out)),
            "verdicts": {str(case): self.verdicts[case] for case in sorted(self.verdicts)},
        }


@dataclass(frozen=True, slots=True)
class Training:
    """A trained model, its input besides the ledger, and the limits of the action types."""

    model: Model
    input: TrainingInput
    action_types: dict[str, list[object]]


def train_on(
    source: Database,
    since: datetime,
    until: datetime,
    *,
    false_cases: float,
    training_input: TrainingInput | None,
    on_progress: Callable[[int], None],
) -> Training:
    """Return the model of this time; of many players, a part that fits into memory: random, and always the same.

    Without `training_input`, it is read as it is now.
    """
    with play_ledger(source) as ledger:
        if training_input is None:
            training_input = TrainingInput(frozenset(ledger.left_out()), ledger.verdicts())
        windows = ledger.windows(since - ONE_WEEK, until, 0, ledger.parts(since - ONE_WEEK, until))
        accounts = [window.plays for window in windows if window.player_id not in training_input.left_out]
        verdicts = list(_verdicts(ledger, training_input))
        action_types: dict[str, list[object]] = {
            name: [of.min_seconds, of.cadence] for name, of in sorted(ledger.limits.items())
        }
    on_progress(len(accounts))
    days = (until - since) // ONE_DAY
    model = train(
        accounts, until.timestamp(), days=days, false_cases=false_cases, verdicts=verdicts, prior=shipped_model()
    )
    return Training(model, training_input, action_types)


def _verdicts(ledger: PlayLedger, training_input: TrainingInput) -> Iterator[Verdict]:
    for case in ledger.cases(training_input.verdicts):
        for window in ledger.windows(case.opened_at - ONE_WEEK, case.opened_at, player_id=case.player_id):
            yield Verdict(window.plays, case.opened_at.timestamp(), training_input.verdicts[case.case_id])


def strange_players(
    source: Database, model: Model, until: datetime, active_since: datetime, on_progress: Callable[[int], None]
) -> tuple[int, list[tuple[UUID, Assessment]]]:
    """Return the number of players judged, who have played since `active_since`, and those that are a case."""
    strange, count = [], 0
    with play_ledger(source) as ledger:
        for window in ledger.windows(until - ONE_WEEK, until, is_judged=True, active_since=active_since):
            assessment = assess(model, window.plays, until.timestamp())
            if assessment is not None and assessment.is_case:
                strange.append((window.player_id, assessment))
            count += 1
            if count % 100 == 0:
                on_progress(count)
    on_progress(count)
    return count, strange


def assessment_of(source: Database, model: Model, player_id: UUID, until: datetime) -> Assessment | None:
    """Return a player's assessment now, or `None` for too few plays."""
    with play_ledger(source) as ledger:
        windows: Iterable[Plays] = (
            window.plays for window in ledger.windows(until - ONE_WEEK, until, is_judged=True, player_id=player_id)
        )
        return next((assess(model, plays, until.timestamp()) for plays in windows), None)
