"""What the times of action types are, and what they could be, by how long people took."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.domain.action_types import EXPECTED
from app.domain.boards import ActionType
from app.domain.calibration import Proposal, Taken, propose
from app.errors import NotFound
from app.services.play.actions import Actions
from app.stores.moderation.completion_times import taken_since
from app.stores.postgres.replicas import Replicas

TIMES = ("min_seconds", *EXPECTED)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An action type: how long it took, None if nobody played it; its times as they are; and what is proposed."""

    slug: str
    taken: Taken | None
    now: dict[str, Any]
    proposal: Proposal


class Calibration:
    """Reads from `patient`, replicas with the time that a month's ledger takes, or the primary."""

    def __init__(self, patient: Replicas, actions: Actions) -> None:
        self._patient, self._actions = patient, actions

    def look(self, since: datetime, slug: str | None = None) -> list[Calibrated]:
        """Of one action type or of all that can be started. Raises NotFound."""
        kinds = [kind for kind in self._actions.types() if slug in (None, kind.slug)]
        if not kinds:
            raise NotFound("There is no such action type." if slug else "There are no action types.")
        taken = self._patient.patiently(lambda source: taken_since(source, since))
        return [self._one(kind, taken.get(kind.slug)) for kind in kinds]

    def apply(self, found: Calibrated, *, by: str, request_id: str) -> bool:
        """Change the action type as proposed; False when nothing is. Actions that are open keep what they promised."""
        if found.proposal.values:
            self._actions.change(found.slug, dict(found.proposal.values), by=by, request_id=request_id)
        return bool(found.proposal.values)

    @staticmethod
    def _one(kind: ActionType, taken: Taken | None) -> Calibrated:
        now = {name: value for name, value in asdict(kind).items() if name in TIMES}
        return Calibrated(kind.slug, taken, now, propose(taken, now))
