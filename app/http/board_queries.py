"""The models of the queries and bodies that read boards."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from app.domain.boards import MAIN, MAX_SCORE, TOP
from app.errors import InvalidRequest
from app.http.bodies import Player, Strict, parse_integer

MOST_PLAYERS = 100
_MAX_SEASON = 2**31 - 1


_Whole = BeforeValidator(parse_integer)


class BoardQuery(Strict):
    """The parameters of reads of a board as a whole."""

    board: str = MAIN


class SeasonQuery(BoardQuery):
    """The parameters of reads of one season of a board."""

    season: Annotated[int | None, _Whole, Field(ge=1, le=_MAX_SEASON)] = None


class SegmentQuery(SeasonQuery):
    """The parameters of reads of a board, or of a segment of it."""

    segment: str | None = None


class TopQuery(SegmentQuery):
    """The parameters of `GET /leaderboard/top`."""

    limit: Annotated[int, _Whole, Field(ge=1, le=100)] = TOP
    after: str | None = None


class OwnQuery(SegmentQuery):
    """The parameters of `GET /leaderboard/me`."""

    around: Annotated[int, _Whole, Field(ge=0, le=50)] = 5


class AroundQuery(SegmentQuery):
    """The parameters of `GET /leaderboard/around`."""

    rank: Annotated[int | None, _Whole, Field(ge=1, le=MAX_SCORE)] = None
    score: Annotated[int | None, _Whole, Field(ge=-MAX_SCORE, le=MAX_SCORE)] = None
    user_id: Player | None = None
    limit: Annotated[int, _Whole, Field(ge=0, le=50)] = 5

    def check_selector(self) -> None:
        """Raise InvalidRequest unless there is exactly one selector."""
        selectors = "rank", "score", "user_id"
        chosen = [name for name in selectors if getattr(self, name) is not None]
        if len(chosen) != 1:
            message = "give exactly one of rank, score and user_id"
            raise InvalidRequest(details=[{"field": name, "message": message} for name in chosen or selectors])


class Lookup(SegmentQuery):
    """The body of `POST /leaderboard/lookup`."""

    season: Annotated[int | None, Field(ge=1, le=_MAX_SEASON)] = None
    user_ids: Annotated[list[Player], Field(max_length=MOST_PLAYERS)]


class HistoryQuery(SeasonQuery):
    """The parameters of `GET /players/{user_id}/history`."""

    limit: Annotated[int, _Whole, Field(ge=1, le=100)] = 20
    after: str | None = None
