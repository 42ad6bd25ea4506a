"""Answers to completed actions and entered scores."""

from __future__ import annotations

from flask import Response

from app.domain.boards import MAIN
from app.domain.redemption import Completed, StandingChange
from app.http.envelope import answer


def completed_data(completed: Completed) -> dict[str, object]:
    """Return the data of the answer."""
    return {
        "action_id": completed.action_id,
        "points": completed.points,
        "result": completed.result,
        "score": {"previous": completed.previous_score, "current": completed.score},
        "rank": {"previous": completed.previous_rank, "current": completed.rank},
        "standings": [change_data(change) for change in completed.changes],
    }


def render_completed(completed: Completed, player: str) -> Response:
    """Return the answer; `player` is the player's name in paths."""
    board = completed.changes[0].season.board
    standing = f"/api/v1/leaderboard/users/{player}"
    links = {
        "leaderboard": f"/api/v1/leaderboard/top?board={board}",
        "standing": standing if board == MAIN else f"{standing}?board={board}",
    }
    response = answer(completed_data(completed), links=links)
    if completed.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def change_data(change: StandingChange) -> dict[str, object]:
    """Return the change of one standing."""
    return {
        "board": change.season.board,
        "season": change.season.number,
        "score": {"previous": change.shown_previous, "current": change.score},
        "rank": {"previous": change.previous_rank, "current": change.rank},
        "counted": change.is_counted,
    }
