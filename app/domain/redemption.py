"""A redemption's request and its answer."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.action_token import fingerprint


@dataclass(frozen=True, slots=True)
class RedemptionRequest:
    """One attempt to complete an action; `key` is the Idempotency-Key, if any."""

    player_id: str
    action_id: str
    token: str
    key: str | None
    request_id: str

    @property
    def fingerprint(self) -> str:
        """Return the digest of (action, token)."""
        return fingerprint(self.action_id, self.token)


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer: points, score and rank before and after. `previous_rank` is None for the first action on a board."""

    action_id: str
    board: str
    points: int
    previous_score: int
    score: int
    previous_rank: int | None
    rank: int
    replayed: bool = False
