"""A redemption's request and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.action_token import fingerprint
from app.domain.boards import Season


@dataclass(frozen=True, slots=True)
class RedemptionRequest:
    """One attempt to complete an action; `key` is the Idempotency-Key, if any.

    `result` is the number that the client reports, `metadata` the text of a JSON object; None: not given.
    """

    player_id: str
    action_id: str
    token: str
    key: str | None
    request_id: str
    result: int | None = None
    metadata: str | None = None

    @property
    def fingerprint(self) -> str:
        """Return the digest of everything that a retry must repeat."""
        reported = [str(part) for part in (self.result, self.metadata) if part is not None]
        return fingerprint(self.action_id, "\n".join([self.token, *reported]))


@dataclass(frozen=True, slots=True)
class StandingChange:
    """The change of a standing by a redemption, as its player sees it. `previous` is None without one before.

    `change` counts the changes of the standing. `ranks` are those before and after.
    """

    season: Season
    previous: int | None
    score: int
    change: int = 0
    ranks: tuple[int | None, int] | None = None

    @property
    def previous_rank(self) -> int | None:
        """Return the rank before, None for a player who had none. The ranks were read."""
        assert self.ranks is not None
        return self.ranks[0]

    @property
    def rank(self) -> int:
        """Return the rank. The ranks were read."""
        assert self.ranks is not None
        return self.ranks[1]

    @property
    def is_counted(self) -> bool:
        """Return whether the result counts; a `best` board keeps an earlier one that is as good."""
        return self.season.scoring != "best" or self.previous != self.score

    @property
    def shown_previous(self) -> int | None:
        """Return the score before, which on `sum` and `count` boards begins at 0."""
        return self.season.empty_score if self.previous is None else self.previous


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer: the result, and the standings that it changed in the order of the action type's boards."""

    action_id: str
    points: int | None
    result: int
    changes: Sequence[StandingChange]
    replayed: bool = False

    @property
    def previous_score(self) -> int | None:
        """Return the score before, on the first board."""
        return self.changes[0].shown_previous

    @property
    def score(self) -> int:
        """Return the score on the first board."""
        return self.changes[0].score

    @property
    def previous_rank(self) -> int | None:
        """Return the rank before, on the first board; None for a player who had none."""
        return self.changes[0].previous_rank

    @property
    def rank(self) -> int:
        """Return the rank on the first board."""
        return self.changes[0].rank
