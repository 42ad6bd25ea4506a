"""Who may call what under /admin: every route that there is, with every scope."""

from __future__ import annotations

import re
from uuid import uuid4

from app.domain.api_keys import SCOPES
from tests.integration.http.keyed import GameServer, game

__all__ = ["game"]  # a fixture

MODERATED = {
    ("GET", "/cases"),
    ("GET", "/cases/<uuid:case_id>"),
    ("POST", "/cases/<uuid:case_id>/decision"),
    ("POST", "/cases/<uuid:case_id>/undo"),
    ("GET", "/players/<player:name>"),
    ("POST", "/players/<player:name>/suspend"),
    ("POST", "/players/<player:name>/reinstate"),
    ("GET", "/corrections"),
    ("POST", "/corrections"),
    ("GET", "/corrections/<uuid:correction_id>"),
    ("POST", "/corrections/<uuid:correction_id>/restore"),
}
"""Cases, players' status and corrections: the calls for which `moderate` suffices."""


def _routes(game: GameServer) -> list[tuple[str, str]]:
    return [
        (method, rule.rule.removeprefix("/api/v1/admin"))
        for rule in game.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/admin/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def _path(rule: str) -> str:
    return "/admin" + re.sub("<[^>]+>", lambda match: "nothing" if match[0] == "<slug>" else str(uuid4()), rule)


def test_every_call_needs_its_scope_and_names_it(game: GameServer) -> None:
    keys = {scope: game.key(scope).text for scope in SCOPES}
    routes = _routes(game)
    assert set(routes) >= MODERATED
    for method, rule in routes:
        enough = {"admin", "moderate"} if (method, rule) in MODERATED else {"admin"}
        named = {"scope": "moderate" if (method, rule) in MODERATED else "admin"}
        for scope, key in keys.items():
            answer = game.call(method, _path(rule), key=key)
            assert answer.headers["Cache-Control"] == "no-store"
            if scope in enough:
                assert answer.status in (200, 404, 415), (method, rule, scope)
            else:
                assert (answer.refusal, answer.details) == ((403, "forbidden"), named), (method, rule, scope)


def test_a_player_may_call_nothing_and_nobody_less(game: GameServer) -> None:
    player = game.token()
    for method, rule in _routes(game):
        assert game.call(method, _path(rule), key=player).refusal == (403, "forbidden"), (method, rule)
        assert game.call(method, _path(rule)).refusal == (401, "unauthorized"), (method, rule)
