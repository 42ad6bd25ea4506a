"""The routes by which players change, export and erase their own account."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from pydantic import StringConstraints

from app.http.bodies import NewAccount, NewPasswordText, Strict, Username, body, no_query, optional_body
from app.http.envelope import answer, empty, request_id
from app.http.export_stream import stream_export
from app.http.identity import container, me, signed_in
from app.http.limits import RateLimits, caller_address

_Password = Annotated[str, StringConstraints(max_length=4096)]


class NewName(Strict):
    """The body of `PATCH /me`."""

    username: Username


class PasswordChange(Strict):
    """The body of `POST /me/password`."""

    current: _Password
    new: NewPasswordText


class Erasure(Strict):
    """The body of `DELETE /me`."""

    password: _Password | None = None


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes. All are limited like a sign-in."""
    routes = Blueprint("own_account", __name__)

    @routes.post("/me/account")
    @signed_in()
    @limits.auth
    def upgrade() -> Response:
        account = body(NewAccount)
        container().guests.upgrade(me().player_id, account.username, account.password, caller_address(), request_id())
        return _profile()

    @routes.patch("/me")
    @signed_in()
    @limits.auth
    def rename() -> Response:
        container().renames.rename_self(me().player_id, body(NewName).username, caller_address(), request_id())
        return _profile()

    @routes.post("/me/password")
    @signed_in()
    @limits.auth
    def change_password() -> Response:
        change = body(PasswordChange)
        container().password_changes.change(me().player_id, me().login_id, change.current, change.new, caller_address())
        return empty(204)

    @routes.get("/me/export")
    @signed_in()
    @limits.auth
    def export() -> Response:
        no_query()
        return stream_export(container().exports.export(me().player_id))

    @routes.delete("/me")
    @signed_in()
    @limits.auth
    def erase() -> Response:
        password = optional_body(Erasure).password
        container().erasures.erase_self(me().player_id, password, caller_address(), request_id())
        return empty(204)

    return routes


def _profile() -> Response:
    return answer(container().standings.profile(me().player_id), links={"standing": "/api/v1/leaderboard/me"})
