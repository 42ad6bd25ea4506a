"""A player as an operator sees them: account, standing, suspicion and cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.services.accounts.attributes import Attributes
from app.services.boards.standings import Standings
from app.services.moderation.cases import Cases
from app.stores.accounts.players import Player, PlayerStore
from app.stores.moderation.cases import Filters, ListedCase
from app.stores.moderation.suspensions import Suspension, SuspensionStore

_MOST_CASES = 50


@dataclass(frozen=True, slots=True)
class PlayerFile:
    """A player. `score` and `rank` are the public ones on `main`; `held` are the points that wait for a decision.

    `suspension` is the act that has suspended the player, None for an active one. `suspicion` is as it has decayed by
    now; `cases` are the newest 50.
    """

    player: Player
    external_id: str | None
    attributes: Mapping[str, str]
    score: int
    held: int
    rank: int | None
    suspension: Suspension | None
    suspicion: float
    cases: Sequence[ListedCase]


class PlayerFiles:
    """Reads the primary, so that operators see their own acts at once."""

    def __init__(
        self,
        players: PlayerStore,
        suspensions: SuspensionStore,
        attributes: Attributes,
        standings: Standings,
        cases: Cases,
    ) -> None:
        self._players, self._suspensions = players, suspensions
        self._attributes, self._standings, self._cases = attributes, standings, cases

    def file(self, player: Player) -> PlayerFile:
        """Return a player's file."""
        standing = self._standings.standing(player.id)
        cases, _ = self._cases.page(Filters(player_id=player.id), limit=_MOST_CASES)
        return PlayerFile(
            player,
            self._players.external_id(player.id),
            self._attributes.of(player.id),
            standing.score,
            self._standings.profile(player.id)["score"] - standing.score,
            standing.rank,
            self._suspensions.newest(player.id) if player.status == "suspended" else None,
            round(self._cases.suspicion(player.id), 1),
            cases,
        )
