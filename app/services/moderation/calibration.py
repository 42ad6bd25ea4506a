"""Times and cadence of action types: the present ones, and proposals from how completions came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from app.domain.action_types import EXPECTED
from app.domain.boards import ActionType, Cadence
from app.domain.calibration import CompletionTimes, Proposal, ResultSpread, Rhythm, propose, propose_plausible
from app.errors import NotFound
from app.services.play.actions import Actions
from app.stores.moderation.completion_times import completion_times_since, result_spreads_since, rhythms_since
from app.stores.postgres.replicas import Replicas

TIMES = ("min_seconds", *EXPECTED)
PLAUSIBLE = ("max_per_second", "slack_seconds")


@dataclass(frozen=True, slots=True)
class TypeCalibration:
    """An action type: how long completions took, their rhythm (None without any), its values, and the proposal."""

    slug: str
    times: CompletionTimes | None
    now: Mapping[str, float | None]
    proposal: Proposal
    rhythm: Rhythm | None
    cadence: Cadence

    @property
    def new_cadence(self) -> Cadence | None:
        """Return the proposed cadence, or `None` for the present one."""
        return "client" if self.rhythm and self.rhythm.is_of_clients and self.cadence == "player" else None


class Calibration:
    """Reads from `patient_replicas`, which have time limits for a month's ledger, or from the primary."""

    def __init__(self, patient_replicas: Replicas, actions: Actions) -> None:
        self._patient_replicas, self._actions = patient_replicas, actions

    def measure(self, since: datetime, slug: str | None = None) -> list[TypeCalibration]:
        """Return the calibration of one action type, or of all that can be started. Raises NotFound."""
        action_types = [action_type for action_type in self._actions.types() if slug in (None, action_type.slug)]
        if not action_types:
            raise NotFound("There is no such action type." if slug else "There are no action types.")
        times_by_type, rhythms, spreads = self._patient_replicas.read_patiently(
            lambda source: (
                completion_times_since(source, since),
                rhythms_since(source, since),
                result_spreads_since(source, since),
            )
        )
        return [
            self._calibrate(
                action_type,
                times_by_type.get(action_type.slug),
                rhythms.get(action_type.slug),
                spreads.get(action_type.slug),
            )
            for action_type in action_types
        ]

    def apply(self, calibration: TypeCalibration, *, by: str, request_id: str) -> bool:
        """Change the action type as proposed; return False without a proposal. Open actions keep the old times.

        A new minimum is a statistic until an operator declares it a fact.
        """
        changes: dict[str, object] = dict(calibration.proposal.values)
        if "min_seconds" in changes:
            changes["min_is_fact"] = False
        if calibration.new_cadence:
            changes["cadence"] = calibration.new_cadence
        if changes:
            self._actions.change(calibration.slug, changes, by=by, request_id=request_id)
        return bool(changes)

    @staticmethod
    def _calibrate(
        action_type: ActionType, times: CompletionTimes | None, rhythm: Rhythm | None, spread: ResultSpread | None
    ) -> TypeCalibration:
        names = TIMES if action_type.result_kind == "fixed" else (*TIMES, *PLAUSIBLE)
        present = {name: value for name, value in asdict(action_type).items() if name in names}
        proposal = propose(times, present)
        proposal.values.update(propose_plausible(spread, present, is_duration=action_type.result_is_duration))
        return TypeCalibration(action_type.slug, times, present, proposal, rhythm, action_type.cadence)
