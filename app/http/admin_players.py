"""The routes of /admin/players, for admins and their keys; a player's status for keys that moderate, too."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response
from pydantic import Field

from app.domain.player_names import PlayerName
from app.errors import InvalidRequest, NotFound
from app.http.admin_bodies import PREVIEW_SECONDS, DryRun, Limit, Reason, id_parser
from app.http.admin_names import named_player, player_of
from app.http.admin_presenter import moves_data
from app.http.bodies import NewAccount, Strict, Username, body, no_query, query
from app.http.case_presenter import listed_case
from app.http.envelope import answer, plain, request_id
from app.http.identity import actor, container, operated
from app.http.limits import RateLimits
from app.services.accounts.player_changes import PlayerChange
from app.services.moderation.player_files import PlayerFile
from app.stores.accounts.players import Player

_PLAYERS = "/api/v1/admin/players"
Role = Literal["player", "admin"]
Status = Literal["active", "suspended"]


class PlayersQuery(Strict):
    """The parameters of `GET /admin/players`."""

    player: str | None = None
    prefix: str = ""
    status: Status | None = None
    limit: Limit = 50
    after: Annotated[UUID | None, id_parser("a player")] = None


class NewPlayer(NewAccount):
    """The body of `POST /admin/players`."""

    role: Role = "player"


class PlayerChangeBody(Strict):
    """The body of `PATCH /admin/players/{id}`."""

    username: Username | None = None
    role: Role | None = None
    attributes: Annotated[dict[str, str | None], Field(default_factory=dict)]
    dry_run: bool = False


class StatusChange(DryRun):
    """The body of `POST /admin/players/{id}/suspend` and `…/reinstate`."""

    reason: Reason | None = None


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("admin_players", __name__)

    @routes.get("/admin/players")
    @operated(limits)
    def page() -> Response:
        params = query(PlayersQuery)
        if params.player is not None:
            return answer([plain(_row(player)) for player in _named(params)])
        players = container().accounts.page(
            status=params.status, prefix=params.prefix, limit=params.limit + 1, after=params.after
        )
        links = None
        if len(players) > params.limit:
            following = {**params.model_dump(exclude_none=True), "after": players[params.limit - 1].id}
            links = {"next": f"{_PLAYERS}?{urlencode(following)}"}
        return answer([plain(_row(player)) for player in players[: params.limit]], links=links)

    @routes.post("/admin/players")
    @operated(limits)
    def create() -> Response:
        params = body(NewPlayer)
        player = container().accounts.create_by(actor(), params.username, params.password, params.role, request_id())
        response = answer(plain(_row(player)), 201, _links(player))
        response.headers["Location"] = f"{_PLAYERS}/{player.id}"
        return response

    @routes.get("/admin/players/<player:name>")
    @operated(limits, "moderate")
    def show(name: PlayerName) -> Response:
        no_query()
        file = container().player_files.file(player_of(name))
        return answer(plain(_file(file)), links=_links(file.player))

    @routes.patch("/admin/players/<player:name>")
    @operated(limits)
    def change(name: PlayerName) -> Response:
        params = body(PlayerChangeBody)
        if not params.model_fields_set - {"dry_run"}:
            raise InvalidRequest.field("body", "must have username, role or attributes")
        wanted = PlayerChange(params.username, params.role, params.attributes)
        result = container().player_changes.change(
            player_of(name).id, wanted, by=actor(), request_id=request_id(), dry_run=params.dry_run
        )
        data = {**_row(result.player), "attributes": result.attributes, "changed": bool(result.acts)}
        return answer(plain({**data, "dry_run": params.dry_run}), links=_links(result.player))

    @routes.post("/admin/players/<player:name>/suspend")
    @operated(limits, "moderate")
    def suspend(name: PlayerName) -> Response:
        return _change_status(name, "suspended")

    @routes.post("/admin/players/<player:name>/reinstate")
    @operated(limits, "moderate")
    def reinstate(name: PlayerName) -> Response:
        return _change_status(name, "active")

    return routes


def _change_status(name: PlayerName, status: Status) -> Response:
    params = body(StatusChange)
    player, moderation = player_of(name), container().moderation
    if params.dry_run:
        preview = container().corrections.preview_status(player.id, status, limit=params.limit, seconds=PREVIEW_SECONDS)
        return answer(plain({**_row(player), "changed": player.status != status, **moves_data(preview)}))
    act = moderation.suspend if status == "suspended" else moderation.reinstate
    is_changed = act(player.id, request_id(), by=actor(), reason=params.reason)
    return answer(plain({**_row(player_of(name)), "changed": is_changed, "dry_run": False}), links=_links(player))


def _named(params: PlayersQuery) -> list[Player]:
    """Return the player with exactly this name, id or external id, in a list that is empty without one."""
    extra = sorted(params.model_fields_set - {"player"})
    if extra:
        raise InvalidRequest(details=[{"field": field, "message": "can't be given with player"} for field in extra])
    assert params.player is not None
    try:
        return [named_player(params.player)]
    except NotFound:
        return []


def _row(player: Player) -> dict[str, object]:
    return {
        "user_id": player.id,
        "username": player.username,
        "role": player.role,
        "status": player.status,
        "created_at": player.created_at,
    }


def _file(file: PlayerFile) -> dict[str, object]:
    return {
        **_row(file.player),
        "external_id": file.external_id,
        "attributes": file.attributes,
        "score": file.score,
        "held": file.held,
        "rank": file.rank,
        "suspension": asdict(file.suspension) if file.suspension else None,
        "suspicion": file.suspicion,
        "cases": [listed_case(case) for case in file.cases],
    }


def _links(player: Player) -> dict[str, str]:
    address = f"{_PLAYERS}/{player.id}"
    return {"self": address, "suspend": f"{address}/suspend", "reinstate": f"{address}/reinstate"}
