"""The calls that read boards."""

from __future__ import annotations

from app import errors
from app.http.answers import boards as answers
from app.http.board_queries import AroundQuery, BoardQuery, HistoryQuery, Lookup, OwnQuery, SeasonQuery, TopQuery
from app.http.reference.call import API, PLAYER, READER, Call

_TAG = "Boards"
_BOARDS = f"{API}/boards"
_LEADERBOARD = f"{API}/leaderboard"
_PLAYER = f"{API}/players/<player:name>"

CALLS = [
    Call("GET", _BOARDS, "List boards", _TAG, READER, {200: list[answers.BoardRow]}),
    Call(
        "GET",
        f"{_BOARDS}/<slug>",
        "Read a board",
        _TAG,
        READER,
        {200: answers.BoardRow},
        links=("leaderboard", "seasons"),
    ),
    Call(
        "GET",
        f"{_BOARDS}/<slug>/seasons",
        "List the seasons of a board",
        _TAG,
        READER,
        {200: list[answers.SeasonRow]},
        description="The newest first.",
    ),
    Call(
        "GET",
        f"{_LEADERBOARD}/top",
        "Read the top of a board",
        _TAG,
        READER,
        {200: list[answers.StandingRow], 304: None},
        (errors.NotFound,),
        query=TopQuery,
        links=("next",),
        has_total=True,
        has_etag=True,
        headers=("X-Cache", "X-Accel-Expires"),
        description="At most one second old. Pages neither skip nor repeat a player who did not move.",
    ),
    Call(
        "GET",
        f"{_LEADERBOARD}/online",
        "Count the players that have a board open",
        _TAG,
        READER,
        {200: answers.Online},
        (errors.NotFound,),
        query=BoardQuery,
    ),
    Call(
        "GET",
        f"{_LEADERBOARD}/me",
        "Read your standing and those around it",
        _TAG,
        PLAYER,
        {200: answers.OwnNeighbours},
        (errors.NotFound,),
        query=OwnQuery,
        links=("leaderboard",),
    ),
    Call(
        "GET",
        f"{_LEADERBOARD}/around",
        "Read the standings around a place, a score or a player",
        _TAG,
        READER,
        {200: answers.Neighbours},
        (errors.NotFound,),
        query=AroundQuery,
        has_total=True,
        description="Exactly one of `rank`, `score` and `user_id`, else 422.",
    ),
    Call(
        "POST",
        f"{_LEADERBOARD}/lookup",
        "Read the standings of some players",
        _TAG,
        READER,
        {200: list[answers.PlacedStanding]},
        (errors.NotFound,),
        body=Lookup,
        description="A board of friends: the best first. Unknown, unranked and suspended players are left out.",
    ),
    Call(
        "GET",
        f"{_LEADERBOARD}/users/<player:name>",
        "Read a player's standing",
        _TAG,
        READER,
        {200: answers.StandingRow},
        query=SeasonQuery,
        links=("leaderboard",),
    ),
    Call("GET", _PLAYER, "Read a player", _TAG, READER, {200: answers.PlayerPage}, links=("history",)),
    Call(
        "GET",
        f"{_PLAYER}/history",
        "Read a player's history on a board",
        _TAG,
        READER,
        {200: list[answers.HistoryRow]},
        query=HistoryQuery,
        links=("next",),
        description="The score events that count, the newest first.",
    ),
]
