"""Cases as people see them: the list, one with its evidence, and what their player may know and say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog

from anticheat.suspicion import Suspicion, decayed
from app.domain.cases import CaseSignal, check_appeal, summary
from app.domain.times import rfc3339
from app.errors import AlreadyAppealed, AlreadyDecided, InvalidRequest, NotFound
from app.stores.accounts.players import PlayerStore
from app.stores.moderation.cases import CaseStore, Filters
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.cases")

_MOST_EVIDENCE = 1000


class Cases:
    """Reads are of the primary: who has just decided sees it."""

    def __init__(
        self,
        database: Database,
        store: CaseStore,
        suspicions: SuspicionStore,
        *,
        half_life: float,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._store, self._suspicions = database, store, suspicions
        self._half_life, self._clock = half_life, clock

    def page(
        self, wanted: Filters | None = None, *, limit: int = 50, after: UUID | None = None
    ) -> tuple[list[dict[str, Any]], UUID | None]:
        """Cases, the newest first, and after which one to go on, or None. Raises InvalidRequest for no such `after`."""
        if after is not None and self._store.player_of(after) is None:
            raise InvalidRequest.field("after", "is not a case")
        rows = self._store.page(wanted or Filters(), limit=limit + 1, after=after)
        return rows[:limit], rows[limit - 1]["case_id"] if len(rows) > limit else None

    def one(self, case_id: UUID) -> dict[str, Any] | None:
        """A case with `summary`, `signals` (the newest 1,000 of `signals_total`), `decisions`, `suspicion` by now."""
        case = self._store.one(case_id)
        if case is None:
            return None
        cleared_at = case.pop("cleared_at")
        evidence = [self._weighed(row, cleared_at) for row in self._store.evidence(case_id, _MOST_EVIDENCE)]
        return {
            **case,
            "signals_total": case["signals"],
            "summary": summary(case["username"], evidence),
            "suspicion": round(self.suspicion(case["player_id"]), 1),
            "signals": [one.as_row() for one in evidence],
            "decisions": self._store.decisions(case_id),
        }

    def of(self, player_id: UUID, limit: int = 50) -> list[dict[str, Any]]:
        """A player's cases, each as `one` gives it, the newest first."""
        rows = self._store.page(Filters(player_id=player_id), limit=limit)
        found = [self.one(row["case_id"]) for row in rows]
        return [case for case in found if case]

    def suspicion(self, player_id: UUID) -> float:
        """What is left of a player's suspicion by now, as the database has it."""
        return decayed(self._suspicions.get(str(player_id)), self._clock(), self._half_life)

    def mine(self, player_id: UUID) -> dict[str, Any] | None:
        """What a player may know of their newest case, and whether they may appeal in it."""
        case = self._store.newest_of(player_id)
        return case and {**case, "may_appeal": case["appealed_at"] is None and case["state"] != "cleared"}

    def appeal(self, player_id: UUID, text: str) -> dict[str, Any]:
        """Put what the player has to say on their newest case, once: `{"case_id", "appealed_at"}`.

        Raises InvalidRequest, NotFound where there is no case, AlreadyAppealed, AlreadyDecided where it was cleared.
        """
        try:
            check_appeal(text)
        except ValueError as error:
            raise InvalidRequest.field("text", str(error)) from None
        with self._db.transaction() as connection:
            PlayerStore.lock(connection, player_id)
            case_id = CaseStore.newest(connection, player_id)
            if case_id is None:
                raise NotFound("There is no case against you.")
            case = CaseStore.lock(connection, case_id)
            if case.appealed_at is not None:
                raise AlreadyAppealed(details={"case_id": str(case_id), "appealed_at": rfc3339(case.appealed_at)})
            if case.state == "cleared":
                raise AlreadyDecided("The case was cleared: there is nothing to appeal against.")
            at = CaseStore.appeal(connection, case_id, text)
        log.info("appealed", player_id=str(player_id), case_id=str(case_id))
        return {"case_id": case_id, "appealed_at": at}

    def _weighed(self, row: dict[str, Any], cleared_at: Any) -> CaseSignal:
        at = row["at"]
        left = decayed(Suspicion(row["added"], at.timestamp()), self._clock(), self._half_life)
        if cleared_at is not None and at <= cleared_at:
            left = 0.0
        action = row["action_id"]
        return CaseSignal(**{**row, "left": left, "action_id": None if action is None else str(action)})
