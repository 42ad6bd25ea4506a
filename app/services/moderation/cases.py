"""Cases for moderators and players: the list, a case with its evidence, and the player's view and appeal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from anticheat.harm import expected_harm
from anticheat.rules import ACCUSATIONS
from anticheat.suspicion import Suspicion, decayed
from anticheat.verdict import Thresholds
from app.domain.cases import CaseOrder, CaseSignal, check_appeal, summary
from app.domain.times import rfc3339
from app.errors import AlreadyAppealed, AlreadyDecided, InvalidRequest, NotFound
from app.stores.accounts.players import PlayerStore
from app.stores.moderation.case_groups import CaseGroupStore, LinkedCase
from app.stores.moderation.cases import Case, CaseStore, Filters, ListedCase, OwnCase, StoredDecision, StoredSignal
from app.stores.moderation.harm import HarmStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.cases")

_MOST_EVIDENCE = 1000
_MOST_LINKED = 100


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with its player and its evidence: `signals` are the newest 1,000 of `case.signals`.

    `suspicion` is the player's, as it has decayed by now. `linked_cases` are other accounts' cases, if
    these accounts seem to belong together.
    """

    case: Case
    signals: list[CaseSignal]
    summary: str
    suspicion: float
    decisions: list[StoredDecision]
    linked_cases: list[LinkedCase]


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal that was recorded."""

    case_id: UUID
    appealed_at: datetime


class Cases:
    """Reads the primary, so that moderators see their own decisions at once."""

    def __init__(
        self,
        database: Database,
        store: CaseStore,
        harms: HarmStore,
        groups: CaseGroupStore,
        suspicions: SuspicionStore,
        players: PlayerStore,
        *,
        thresholds: Thresholds,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._store, self._harms, self._groups = database, store, harms, groups
        self._suspicions, self._players = suspicions, players
        self._thresholds, self._half_life, self._clock = thresholds, thresholds.half_life, clock

    def page(
        self,
        filters: Filters | None = None,
        *,
        limit: int = 50,
        after: UUID | None = None,
        order: CaseOrder = "newest",
    ) -> tuple[list[ListedCase], UUID | None]:
        """Return the newest cases first, or the open ones of most harm, and the `after` of the next page or None.

        Raises InvalidRequest if `after` is no case, and for the order by harm of decided cases.
        """
        filters = filters or Filters()
        if after is not None and self._store.player_of(after) is None:
            raise InvalidRequest.field("after", "is not a case")
        if order == "harm":
            return self._page_by_harm(filters, limit, after)
        rows = self._store.page(filters, limit=limit + 1, after=after)
        facts = self._harms.cases([row.case_id for row in rows[:limit] if row.state == "open"], self._thresholds.reject)
        harms = {case_id: expected_harm(case_facts) for case_id, case_facts in facts.items()}
        cases = [replace(row, harm=harms.get(row.case_id)) for row in rows[:limit]]
        return cases, rows[limit - 1].case_id if len(rows) > limit else None

    def _page_by_harm(self, filters: Filters, limit: int, after: UUID | None) -> tuple[list[ListedCase], UUID | None]:
        if filters.state not in (None, "open"):
            raise InvalidRequest.field("order", "by harm is for open cases")
        facts = self._harms.open_cases(filters, self._thresholds.reject)
        harms = {case_id: expected_harm(case_facts) for case_id, case_facts in facts.items()}
        ranked = sorted(harms, key=lambda case_id: (-harms[case_id].score, case_id))
        # A page goes on after a case that was decided meanwhile from the begin: no open case is missed.
        begin = ranked.index(after) + 1 if after in harms else 0
        chosen = ranked[begin : begin + limit]
        cases = [replace(case, harm=harms[case.case_id]) for case in self._store.chosen(chosen)]
        return cases, chosen[-1] if len(ranked) > begin + limit else None

    def case_file(self, case_id: UUID) -> CaseFile | None:
        """Return a case with the present suspicion of its player; None if there is none."""
        case = self._store.case(case_id)
        if case is None:
            return None
        stored_signals = self._store.evidence(case_id, _MOST_EVIDENCE)
        evidence = [self._weigh(signal, case.cleared_at) for signal in stored_signals]
        return CaseFile(
            case,
            evidence,
            summary(case.username, evidence, ACCUSATIONS, self._store.level_refusals(case_id)),
            round(self.suspicion(case.player_id), 1),
            self._store.decisions(case_id),
            self._groups.linked_cases(case_id, _MOST_LINKED),
        )

    def player_name(self, case_id: UUID) -> str:
        """Return the name of a case's player, which is "erased" for one who was erased since."""
        case = self._store.case(case_id)
        assert case is not None, "cases are never deleted"
        return case.username

    def case_files_of(self, player_id: UUID, limit: int = 50) -> list[CaseFile]:
        """Return a player's cases, each as `case_file` returns it, the newest first."""
        rows = self._store.page(Filters(player_id=player_id), limit=limit)
        cases = [self.case_file(row.case_id) for row in rows]
        return [case for case in cases if case]

    def suspicion(self, player_id: UUID) -> float:
        """Return a player's suspicion as it has decayed by now, from the database."""
        return decayed(self._suspicions.get(str(player_id)), self._clock(), self._half_life)

    def own_case(self, player_id: UUID) -> OwnCase | None:
        """Return the player's newest case as they may know it; None without a case."""
        return self._store.newest_of(player_id)

    def appeal(self, player_id: UUID, text: str) -> Appeal:
        """Record the player's appeal on their newest case, once, and return it.

        Raises InvalidRequest, NotFound without a case, AlreadyAppealed, and AlreadyDecided for a cleared case.
        """
        try:
            check_appeal(text)
        except ValueError as error:
            raise InvalidRequest.field("text", str(error)) from None
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            case_id = self._store.newest(connection, player_id)
            if case_id is None:
                raise NotFound("There is no case against you.")
            case = self._store.lock(connection, case_id)
            if case.appealed_at is not None:
                raise AlreadyAppealed(details={"case_id": str(case_id), "appealed_at": rfc3339(case.appealed_at)})
            if case.state == "cleared":
                raise AlreadyDecided("The case was cleared: there is nothing to appeal against.")
            at = self._store.appeal(connection, case_id, text)
        log.info("appealed", player_id=str(player_id), case_id=str(case_id))
        return Appeal(case_id, at)

    def _weigh(self, signal: StoredSignal, cleared_at: datetime | None) -> CaseSignal:
        remaining = decayed(Suspicion(signal.added, signal.at.timestamp()), self._clock(), self._half_life)
        if cleared_at is not None and signal.at <= cleared_at:
            remaining = 0.0
        return CaseSignal(
            at=signal.at,
            source=signal.source,
            rule=signal.rule,
            action_id=None if signal.action_id is None else str(signal.action_id),
            action_type=signal.action_type,
            seen=signal.seen,
            expected=signal.expected,
            added=signal.added,
            left=remaining,
            suspicion=signal.suspicion,
            outcome=signal.outcome,
            is_hard=signal.is_hard,
        )
