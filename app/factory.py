"""The Flask app: a container, then the edges around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter

from app import logs, metrics
from app.containers.accounts import check_blocked_names
from app.containers.container import Container
from app.containers.url_checks import check_urls
from app.http import (
    actions,
    admin,
    admin_accounts,
    admin_boards,
    admin_keys,
    admin_players,
    admin_replays,
    admin_scores,
    admin_types,
    admin_webhooks,
    auth,
    boards,
    cases,
    corrections,
    cors,
    failures,
    game_players,
    identity,
    leaderboard,
    operations,
    own_account,
    players,
    request_metrics,
    scores,
)
from app.http.envelope import empty
from app.http.limits import RateLimits
from app.http.player_paths import PlayerConverter, SlugConverter
from app.http.reference import documents
from app.http.top_reads import TopReads
from app.settings import Settings
from app.web.page import page
from app.ws import routes as sockets

API = "/api/v1"


class _App(Flask):
    """Flask, with answers to OPTIONS in the form of our other answers, and without a meaning for a useless Upgrade."""

    def make_default_options_response(self) -> Response:
        """Return a 204 that names the methods of this address."""
        response = empty(204)
        response.headers["Allow"] = super().make_default_options_response().headers["Allow"]
        return response

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, as all of ours are: Flask would look at each one in every request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the adapter that finds the route. Upgrade is ignored, as RFC 9110 allows, except by the socket."""
        if request is not None and request.path != sockets.PATH:
            request.environ.pop("HTTP_UPGRADE", None)
        return super().create_url_adapter(request)


def create_app(settings: Settings) -> Flask:
    """Return the Flask app with the API, the sockets and the page. Raises BadSetting."""
    logs.configure(settings)
    check_urls(settings)
    check_blocked_names(settings)
    app = _App("fairboard", static_folder=None)
    # Each resource has one path and no redirects, so that a proxy's rules for the path cover the whole resource.
    app.url_map.merge_slashes = False
    app.url_map.converters.update(player=PlayerConverter, default=SlugConverter)
    app.extensions["fairboard"] = container = Container(settings)
    container.ledger.observe_groups(metrics.redemption_group_size.observe)
    request_metrics.register(app, settings)
    failures.register(app)
    cors.register(app)
    limits = RateLimits(settings, container.redis, container.scripts)
    identity.register(app, settings, limits)
    app.register_blueprint(auth.blueprint(limits), url_prefix=API)
    app.register_blueprint(own_account.blueprint(limits), url_prefix=API)
    app.register_blueprint(actions.blueprint(limits), url_prefix=API)
    top_reads = TopReads(app.wsgi_app, limits.read_counter)
    app.wsgi_app = top_reads  # type: ignore[method-assign]
    app.register_blueprint(leaderboard.blueprint(limits, top_reads), url_prefix=API)
    app.register_blueprint(boards.blueprint(limits), url_prefix=API)
    app.register_blueprint(players.blueprint(limits), url_prefix=API)
    app.register_blueprint(game_players.blueprint(limits), url_prefix=API)
    app.register_blueprint(scores.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_keys.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_players.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_accounts.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_scores.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_types.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_boards.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_replays.blueprint(limits), url_prefix=API)
    app.register_blueprint(admin_webhooks.blueprint(limits), url_prefix=API)
    app.register_blueprint(cases.blueprint(limits), url_prefix=API)
    app.register_blueprint(corrections.blueprint(limits), url_prefix=API)
    app.register_blueprint(operations.routes)
    app.register_blueprint(page)
    app.register_blueprint(documents.routes)
    sockets.register(app, limits)
    app.wsgi_app = cors.CrossOrigin(app.wsgi_app, settings.allowed_origins)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
