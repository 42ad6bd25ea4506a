"""The answers to changes of boards and action types: a dry run, the changed thing, or the replay that has begun."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Response

from app.domain.board_plans import Plan
from app.http.admin_bodies import PREVIEW_SECONDS
from app.http.board_bodies import PlanChoices
from app.http.envelope import answer, plain, request_id
from app.http.identity import actor, container
from app.http.plan_presenter import plan_data
from app.services.boards.plan_writer import Operator
from app.stores.boards.replays import Replay

REPLAYS = "/api/v1/admin/replays"


def author() -> Operator:
    """Return the caller as the audit log names them, with the request's id."""
    return Operator(actor(), request_id())


def dry_run(plan: Plan, choices: PlanChoices) -> Response:
    """Return the plan, and the players that it would move."""
    prospect = container().board_changes.prospect(plan, choices.limit, seconds=PREVIEW_SECONDS)
    return answer(plain({**plan_data(prospect), "dry_run": True}))


def carried_out(plan: Plan, choices: PlanChoices, render: Callable[[], Response]) -> Response:
    """Show the plan or carry it out, as the choices say; return 202 for a replay, else the rendered answer."""
    if choices.dry_run:
        return dry_run(plan, choices)
    replay_id = container().board_changes.carry_out(plan, rebuild=choices.rebuild, by=author())
    return render() if replay_id is None else begun(replay_id)


def begun(replay_id: UUID) -> Response:
    """Return 202 with the replay, on which the workers go on."""
    response = answer(replay_data(container().replays.get(replay_id)), 202, replay_links(replay_id))
    response.headers["Location"] = f"{REPLAYS}/{replay_id}"
    return response


def created(data: dict[str, object], address: str) -> Response:
    """Return 201 with the new board or action type."""
    response = answer(data, 201, {"self": address})
    response.headers["Location"] = address
    return response


def replay_data(replay: Replay) -> dict[str, object]:
    """Return a replay: the boards that change at its end, and the standings that it has filled so far."""
    return plain(
        {
            "replay_id": replay.id,
            "state": replay.state,
            "boards": sorted(replay.plan["feeds"]),
            "made_by": replay.made_by,
            "made_at": replay.made_at,
            "standings": replay.standings,
        }
    )


def replay_links(replay_id: UUID) -> dict[str, str]:
    """Return the addresses of a replay and its cancelling."""
    return {"self": f"{REPLAYS}/{replay_id}", "cancel": f"{REPLAYS}/{replay_id}/cancel"}
