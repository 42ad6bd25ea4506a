"""The calls of operators about players, boards and action types."""

from __future__ import annotations

from app import errors
from app.http.admin_accounts import PasswordOf, ResetLink
from app.http.admin_bodies import DryRun
from app.http.admin_players import NewPlayer, PlayerChangeBody, PlayersQuery, StatusChange
from app.http.admin_replays import ReplaysQuery
from app.http.admin_scores import EnteredResult
from app.http.answers import accounts, boards, moderation, play
from app.http.answers import operators as answers
from app.http.board_bodies import Archiving, BoardChange, GivenPlan, NewBoard, NewType, SeasonEnd, TypeChange
from app.http.bodies import Nothing
from app.http.reference import key_calls
from app.http.reference.call import API, Call, operators

_ADMIN = operators()
_MODERATOR = operators("moderate")
_PLAYERS = "Admin: players"
_BOARDS = "Admin: boards"
_PLAYER = f"{API}/admin/players/<player:name>"
_BOARD = f"{API}/admin/boards"
_TYPE = f"{API}/admin/action-types"
_REPLAY = f"{API}/admin/replays"
_OWN_LINKS = ("self", "suspend", "reinstate")
_REPLAY_LINKS = ("self", "cancel")
_CHANGE = (errors.NotFound, errors.Conflict, errors.RebuildRequired)

PLAYER_CALLS = [
    Call(
        "GET",
        f"{API}/admin/players",
        "Find players",
        _PLAYERS,
        _ADMIN,
        {200: list[answers.Account]},
        query=PlayersQuery,
        links=("next",),
        description="By name. `player` finds exactly one, or none, and takes no other parameter.",
    ),
    Call(
        "POST",
        f"{API}/admin/players",
        "Create a player",
        _PLAYERS,
        _ADMIN,
        {201: answers.Account},
        (errors.UsernameTaken,),
        body=NewPlayer,
        links=_OWN_LINKS,
        has_location=True,
    ),
    Call("GET", _PLAYER, "Show a player", _PLAYERS, _MODERATOR, {200: answers.PlayerFile}, links=_OWN_LINKS),
    Call(
        "PATCH",
        _PLAYER,
        "Change a player",
        _PLAYERS,
        _ADMIN,
        {200: answers.ChangedAccount},
        (errors.UsernameTaken, errors.Conflict),
        body=PlayerChangeBody,
        links=_OWN_LINKS,
        description="All of it or nothing. An attribute that is null is removed.",
        example={"username": "anna-2", "attributes": {"country": "JP"}, "dry_run": True},
    ),
    Call(
        "POST",
        f"{_PLAYER}/suspend",
        "Suspend a player",
        _PLAYERS,
        _MODERATOR,
        {200: answers.ChangedStatus | moderation.StatusMoves},
        body=StatusChange,
        links=_OWN_LINKS,
        example={"reason": "Plays day and night.", "dry_run": True},
    ),
    Call(
        "POST",
        f"{_PLAYER}/reinstate",
        "Reinstate a player",
        _PLAYERS,
        _MODERATOR,
        {200: answers.ChangedStatus | moderation.StatusMoves},
        body=StatusChange,
        links=_OWN_LINKS,
        example={"reason": "It was a mistake."},
    ),
    Call(
        "POST",
        f"{_PLAYER}/password",
        "Set a player's password",
        _PLAYERS,
        _ADMIN,
        {204: None},
        (errors.Conflict,),
        body=PasswordOf,
        description="All logins of the player end.",
    ),
    Call(
        "POST",
        f"{_PLAYER}/reset-link",
        "Make a reset token",
        _PLAYERS,
        _ADMIN,
        {201: accounts.ResetToken},
        (errors.Conflict,),
        body=ResetLink,
    ),
    Call(
        "POST",
        f"{_PLAYER}/sign-out",
        "End all logins of a player",
        _PLAYERS,
        _ADMIN,
        {200: accounts.SignedOut},
        body=Nothing,
    ),
    Call("GET", f"{_PLAYER}/export", "Export a player", _PLAYERS, _ADMIN, {200: accounts.Export}),
    Call(
        "POST",
        f"{_PLAYER}/erase",
        "Erase a player",
        _PLAYERS,
        _ADMIN,
        {200: accounts.Erased | moderation.PlayerMoves},
        (errors.LastAdmin,),
        body=DryRun,
        description="For ever, unless `dry_run` is true.",
        example={"dry_run": True},
    ),
    Call(
        "POST",
        f"{_PLAYER}/scores",
        "Enter a result",
        _PLAYERS,
        _ADMIN,
        {200: play.EnteredScore},
        (errors.BoardClosed,),
        body=EnteredResult,
        links=("player",),
        description="A result of a `trusted` action type. It counts each time that it is sent.",
    ),
]

BOARD_CALLS = [
    Call("GET", _BOARD, "List all boards", _BOARDS, _ADMIN, {200: list[boards.OperatorBoardRow]}),
    Call(
        "POST",
        _BOARD,
        "Create a board",
        _BOARDS,
        _ADMIN,
        {201: boards.OperatorBoardRow, 200: answers.Plan, 202: answers.Replay},
        _CHANGE,
        body=NewBoard,
        links=_REPLAY_LINKS,
        has_location=True,
        description="201 for the new board, 200 for a dry run, 202 for a replay of the ledger that has begun.",
        example={"slug": "speedrun", "name": "Speedrun", "action_types": ["tap"], "dry_run": True},
    ),
    Call(
        "POST",
        f"{_BOARD}/apply",
        "Apply a plan of boards and action types",
        _BOARDS,
        _ADMIN,
        {200: answers.Plan, 202: answers.Replay},
        _CHANGE,
        body=GivenPlan,
        links=_REPLAY_LINKS,
        has_location=True,
        example={"boards": {"main": {"name": "All points"}}, "action_types": {}, "dry_run": True},
    ),
    Call(
        "GET",
        f"{_BOARD}/<slug>",
        "Show a board",
        _BOARDS,
        _ADMIN,
        {200: boards.OperatorBoardRow},
        links=("self", "seasons"),
    ),
    Call(
        "PATCH",
        f"{_BOARD}/<slug>",
        "Change a board",
        _BOARDS,
        _ADMIN,
        {200: boards.OperatorBoardRow | answers.Plan, 202: answers.Replay},
        _CHANGE,
        body=BoardChange,
        links=("self", "seasons", "cancel"),
        has_location=True,
        example={"name": "All points", "dry_run": True},
    ),
    Call(
        "POST",
        f"{_BOARD}/<slug>/archive",
        "Archive a board",
        _BOARDS,
        _ADMIN,
        {200: answers.Archived},
        (errors.Conflict,),
        body=Archiving,
        links=("seasons",),
    ),
    Call(
        "GET",
        f"{_BOARD}/<slug>/seasons",
        "List the seasons of any board",
        _BOARDS,
        _ADMIN,
        {200: list[boards.SeasonRow]},
    ),
    Call(
        "POST",
        f"{_BOARD}/<slug>/close-season",
        "End the season of a board",
        _BOARDS,
        _ADMIN,
        {200: answers.SeasonEnding},
        (errors.Conflict,),
        body=SeasonEnd,
        links=("seasons",),
        example={"season": 3, "dry_run": True},
    ),
    Call("GET", _TYPE, "List all action types", _BOARDS, _ADMIN, {200: list[answers.OperatorTypeRow]}),
    Call(
        "POST",
        _TYPE,
        "Create an action type",
        _BOARDS,
        _ADMIN,
        {201: answers.OperatorTypeRow, 200: answers.Plan, 202: answers.Replay},
        _CHANGE,
        body=NewType,
        links=_REPLAY_LINKS,
        has_location=True,
        example={"slug": "chest", "name": "Open a chest", "points": 50, "boards": ["main"], "dry_run": True},
    ),
    Call(
        "GET",
        f"{_TYPE}/<slug>",
        "Show an action type",
        _BOARDS,
        _ADMIN,
        {200: answers.OperatorTypeRow},
        links=("self",),
    ),
    Call(
        "PATCH",
        f"{_TYPE}/<slug>",
        "Change an action type",
        _BOARDS,
        _ADMIN,
        {200: answers.OperatorTypeRow | answers.Plan, 202: answers.Replay},
        _CHANGE,
        body=TypeChange,
        links=_REPLAY_LINKS,
        has_location=True,
        example={"points": 60, "dry_run": True},
    ),
    Call(
        "POST",
        f"{_TYPE}/<slug>/retire",
        "Retire an action type",
        _BOARDS,
        _ADMIN,
        {200: answers.OperatorTypeRow},
        (errors.Conflict,),
        body=Nothing,
        links=("self",),
    ),
    Call("GET", _REPLAY, "List replays", _BOARDS, _ADMIN, {200: list[answers.Replay]}, query=ReplaysQuery),
    Call(
        "GET",
        f"{_REPLAY}/<uuid:replay_id>",
        "Show a replay",
        _BOARDS,
        _ADMIN,
        {200: answers.Replay},
        links=_REPLAY_LINKS,
    ),
    Call(
        "POST",
        f"{_REPLAY}/<uuid:replay_id>/cancel",
        "Cancel a replay",
        _BOARDS,
        _ADMIN,
        {200: answers.Replay},
        (errors.Conflict,),
        body=Nothing,
    ),
]

CALLS = PLAYER_CALLS + key_calls.CALLS + BOARD_CALLS
