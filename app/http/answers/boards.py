"""The answers about boards, standings and players."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.domain.boards import SeasonState
from app.domain.scoring import Order, Scoring
from app.http.answers.base import Answered, sometimes


class OpenSeason(Answered):
    """The season that a board shows."""

    number: int
    starts_at: datetime
    ends_at: datetime | None


class BoardRow(Answered):
    """A board; `players` is how many its season ranks."""

    slug: str
    name: str
    scoring: Scoring
    order: Order
    unit: str
    decimals: int
    schedule: str | None
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
    segments: list[str]
    public: bool
    season: OpenSeason | None
    players: int | None


class OperatorBoardRow(BoardRow):
    """A board as operators see it, with the action types that feed it."""

    action_types: list[str]


class SeasonRow(Answered):
    """A season; `corrected_at` says when its standings changed after its end."""

    number: int
    state: SeasonState
    starts_at: datetime
    ends_at: datetime | None
    players: int | None
    corrected_at: datetime | None


class StandingRow(Answered):
    """A standing; before the first counting event `rank` and `achieved_at` are null."""

    rank: int | None
    user_id: UUID
    username: str
    score: int | None
    achieved_at: datetime | None
    metadata: dict[str, object] | None = sometimes("Present on `best` and `last` boards: that of the run that counts.")


class PlacedStanding(StandingRow):
    """A standing with its place among the players of a lookup."""

    place: int


class BoardStanding(StandingRow):
    """A standing with its board; `percentile` is 100 × players ranked equal or lower ÷ all."""

    board: str
    season: int
    percentile: float | None
    total: int


class Neighbours(Answered):
    """The rows around a place."""

    rank: int | None
    above: list[StandingRow]
    below: list[StandingRow]


class OwnNeighbours(Answered):
    """The caller's standing, and the rows around it."""

    standing: StandingRow
    above: list[StandingRow]
    below: list[StandingRow]


class Online(Answered):
    """How many players have a board open."""

    online: int


class PlayerPage(Answered):
    """A player, with one standing for each public board."""

    user_id: UUID
    username: str
    joined_at: datetime
    attributes: dict[str, str]
    standings: list[BoardStanding]


class HistoryRow(Answered):
    """A score event of a player that counts, with the score after it."""

    score: int | None
    result: int
    achieved_at: datetime
    action_type: str
    metadata: dict[str, object] | None


class GamePlayer(Answered):
    """A player of a game's own."""

    user_id: UUID
    external_id: str
    username: str
    status: str
    attributes: dict[str, str]
