"""The history that anti-cheat needs of a player, copied to Redis again when Redis has lost it."""

from __future__ import annotations

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.suspicion import Suspicion
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.ledger import LedgerStore


class PlayerHistory:
    """Copies a history when its player starts their first action since Redis was empty, so that redeeming finds it."""

    def __init__(self, ledger: LedgerStore, suspicions: SuspicionStore, claims: ActionClaimStore) -> None:
        self._ledger, self._suspicions, self._claims = ledger, suspicions, claims

    def fetch(self, player_id: str) -> tuple[list[Completion], Suspicion]:
        """Copy completions, newest first, and suspicion of a player from the database to Redis; return both.

        Completions of before a person cleared the player don't count any more.
        """
        suspicion, cleared_at = self._suspicions.state(player_id)
        entries = self._ledger.past(player_id, HISTORY_LENGTH, cleared_at)
        self._claims.remember(player_id, entries, suspicion, cleared_at)
        return [completion for _, completion in entries], suspicion
