"""The routes by which operators help with accounts: passwords, logins, exports and erasures."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from app.domain.player_names import PlayerName
from app.http.admin_bodies import PREVIEW_SECONDS, DryRun
from app.http.admin_names import player_of
from app.http.admin_presenter import moves_data
from app.http.bodies import Strict, body, no_query
from app.http.envelope import answer, empty, plain, request_id
from app.http.export_stream import stream_export
from app.http.identity import actor, container, operated
from app.http.limits import RateLimits
from app.services.accounts.password_changes import MOST_RESET_SECONDS, RESET_SECONDS


class PasswordOf(Strict):
    """The body of `POST /admin/players/{id}/password`."""

    password: str


class ResetLink(Strict):
    """The body of `POST /admin/players/{id}/reset-link`: for how long it is good."""

    seconds: Annotated[int, Field(ge=60, le=MOST_RESET_SECONDS)] = RESET_SECONDS


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("admin_accounts", __name__)

    @routes.post("/admin/players/<player:name>/password")
    @operated(limits)
    def set_password(name: PlayerName) -> Response:
        password = body(PasswordOf).password
        container().password_changes.set_by(actor(), player_of(name).id, password, request_id())
        return empty(204)

    @routes.post("/admin/players/<player:name>/reset-link")
    @operated(limits)
    def make_reset_link(name: PlayerName) -> Response:
        seconds = body(ResetLink).seconds
        link = container().password_changes.make_reset_link(actor(), player_of(name).id, request_id(), seconds)
        return answer(plain({"user_id": link.player_id, "token": link.token, "expires_at": link.expires_at}), 201)

    @routes.post("/admin/players/<player:name>/sign-out")
    @operated(limits)
    def sign_out(name: PlayerName) -> Response:
        body(Strict)
        player = player_of(name)
        return answer(
            {"user_id": str(player.id), "logins": container().accounts.sign_out_by(actor(), player.id, request_id())}
        )

    @routes.get("/admin/players/<player:name>/export")
    @operated(limits)
    def export(name: PlayerName) -> Response:
        no_query()
        return stream_export(container().exports.export(player_of(name).id))

    @routes.post("/admin/players/<player:name>/erase")
    @operated(limits)
    def erase(name: PlayerName) -> Response:
        params, player = body(DryRun), player_of(name)
        if params.dry_run:  # to the others it is as a suspension: the player leaves every board
            preview = container().corrections.preview_status(
                player.id, "suspended", limit=params.limit, seconds=PREVIEW_SECONDS
            )
            return answer(plain({"user_id": player.id, **moves_data(preview)}))
        container().erasures.erase_by(actor(), player.id, request_id())
        return answer({"user_id": str(player.id), "erased": True, "dry_run": False})

    return routes
