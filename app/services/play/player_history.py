"""What anti-cheat has to know of a player, brought back to Redis when Redis has forgotten it."""

from __future__ import annotations

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.suspicion import Suspicion
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.ledger import LedgerStore


class PlayerHistory:
    """A player is fetched when they start their first action since Redis was empty, so that redeeming finds them."""

    def __init__(self, ledger: LedgerStore, suspicions: SuspicionStore, permits: ActionClaimStore) -> None:
        self._ledger, self._suspicions, self._permits = ledger, suspicions, permits

    def fetch(self, player_id: str) -> tuple[list[Completion], Suspicion]:
        """The player's newest completions, newest first, and suspicion, from the database."""
        past = self._ledger.past(player_id, HISTORY_LENGTH)
        suspicion = self._suspicions.get(player_id)
        self._permits.remember(player_id, past, suspicion)
        return [completion for _, completion in past], suspicion
