"""The routes of /auth and /me."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from app.errors import InvalidCredentials, SignInDelayed
from app.http.bodies import (
    Credentials,
    NewAccount,
    NewAppeal,
    NewPassword,
    SignOut,
    Strict,
    body,
    no_query,
    optional_body,
)
from app.http.case_presenter import own_case
from app.http.envelope import answer, empty, plain
from app.http.identity import container, login_data, me, signed_in
from app.http.json_body import discard_body
from app.http.limits import RateLimits, caller_address
from app.http.sign_ins import note_sign_in
from app.services.accounts.accounts import Login

log = structlog.get_logger("fairboard.auth")

_MAX_LOGGED_NAME = 64  # characters of the username of a failed sign-in: no account has a longer one


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("auth", __name__)

    @routes.post("/auth/register")
    @limits.auth
    def register() -> Response:
        account = body(NewAccount)
        return _render_login(container().accounts.register(account.username, account.password, caller_address()), 201)

    @routes.post("/auth/guest")
    @limits.auth
    def create_guest() -> Response:
        optional_body(Strict)
        return _render_login(container().guests.create(), 201)

    @routes.post("/auth/reset")
    @limits.auth
    def reset_password() -> Response:
        params = body(NewPassword)
        container().password_changes.reset(params.token, params.password, caller_address())
        return empty(204)

    @routes.post("/auth/login")
    @limits.auth
    def login() -> Response:
        credentials = body(Credentials)
        try:
            return _render_login(
                container().accounts.login(credentials.username, credentials.password, caller_address()), 200
            )
        except (InvalidCredentials, SignInDelayed) as refusal:
            name = credentials.username[:_MAX_LOGGED_NAME]
            log.warning("sign_in_failed", address=request.remote_addr, username=name, code=refusal.code)
            raise

    @routes.post("/auth/refresh")
    @limits.tokens
    @signed_in(kind="refresh", may_be_suspended=True, limit=limits.refresh)
    def refresh() -> Response:
        discard_body()
        no_query()
        identity = me()
        return _render_login(
            container().accounts.refresh(identity.player_id, identity.login_id, identity.token_id), 200
        )

    @routes.post("/auth/logout")
    @limits.tokens
    @signed_in(may_be_suspended=True, limit=limits.refresh)
    def logout() -> Response:
        everywhere = optional_body(SignOut).everywhere
        container().accounts.logout(me().player_id, me().login_id, everywhere=everywhere)
        return empty(204)

    _add_own_routes(routes, limits)
    return routes


def _add_own_routes(routes: Blueprint, limits: RateLimits) -> None:
    @routes.get("/me")
    @signed_in(may_be_suspended=True)
    @limits.reads
    def show_me() -> Response:
        no_query()
        case = container().cases.own_case(me().player_id)
        links = {"standing": "/api/v1/leaderboard/me"}
        if case and case.may_appeal:
            links["appeal"] = "/api/v1/me/appeal"
        profile = container().standings.profile(me().player_id)
        return answer({**profile, "case": plain(own_case(case))} if case else profile, links=links)

    @routes.post("/me/appeal")
    @signed_in(may_be_suspended=True, limit=limits.appeal)
    def make_appeal() -> Response:
        appeal = container().cases.appeal(me().player_id, body(NewAppeal).text)
        data = {"case_id": appeal.case_id, "appealed_at": appeal.appealed_at}
        return answer(plain(data), 201, {"me": "/api/v1/me"})


def _render_login(login: Login, status: int) -> Response:
    note_sign_in(login.player.id)
    return answer(login_data(login), status, {"me": "/api/v1/me"})
