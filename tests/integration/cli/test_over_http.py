"""The same act by a command and over HTTP leaves the same rows in the audit log, except for the actor."""

from __future__ import annotations

import re

from tests.integration.boards.test_scorings import redeem
from tests.integration.cli.conftest import RunJson
from tests.integration.http.keyed import GameServer, game

__all__ = ["game"]  # a fixture

_REASON: dict[str, object] = {"reason": "a test"}
# Each command, and the call that does the same. `cli` and `http` are the name of the player, the board and the type.
ACTS: list[tuple[str, str, str, dict[str, object]]] = [
    ("users set-role cli admin", "PATCH", "/players/PLAYER", {"role": "admin"}),
    ("users attributes cli country=JP", "PATCH", "/players/PLAYER", {"attributes": {"country": "JP"}}),
    ("users reset-link cli --hours 1", "POST", "/players/PLAYER/reset-link", {"seconds": 3600}),
    ("users sign-out cli", "POST", "/players/PLAYER/sign-out", {}),
    ("users suspend cli --yes", "POST", "/players/PLAYER/suspend", {}),
    ("users reinstate cli", "POST", "/players/PLAYER/reinstate", {}),
    ("users suspend cli --reason 'a test' --yes", "POST", "/players/PLAYER/suspend", _REASON),
    ("users reinstate cli --reason 'a test'", "POST", "/players/PLAYER/reinstate", _REASON),
    ("actions add cli --points 7 --name T", "POST", "/action-types", {"slug": "http", "points": 7, "name": "T"}),
    ("actions change cli --points 8 --burst 5", "PATCH", "/action-types/http", {"points": 8, "burst": 5}),
    ("actions add cli-cup --result-kind trusted --name C", "POST", "/action-types",
     {"slug": "http-cup", "result_kind": "trusted", "name": "C"}),
    ("leaderboard score cli cli-cup 9", "POST", "/players/PLAYER/scores", {"action_type": "http-cup", "result": 9}),
    ("leaderboard void --player cli --since 2020-01-01 --reason 'a test' --yes", "POST", "/corrections",
     {"player": "http", "since": "2020-01-01", **_REASON}),
    ("leaderboard restore VOID --reason 'a test' --yes", "POST", "/corrections/VOID/restore", _REASON),
    ("boards create cli --action-type cli --name B --scoring best", "POST", "/boards",
     {"slug": "http", "action_types": ["http"], "name": "B", "scoring": "best"}),
    ("boards change cli --unit s --private", "PATCH", "/boards/http", {"unit": "s", "public": False}),
    ("boards close-season cli --season 1", "POST", "/boards/http/close-season", {"season": 1}),
    ("boards archive cli", "POST", "/boards/http/archive", {}),
    ("users set-role cli player", "PATCH", "/players/PLAYER", {"role": "player"}),
    ("users erase cli --yes", "POST", "/players/PLAYER/erase", {}),
    ("actions retire cli --yes", "POST", "/action-types/http/retire", {}),
    ("keys create cli --scope read", "POST", "/keys", {"name": "http", "scopes": ["read"]}),
    ("webhooks create https://1.1.1.1/ --event case.opened", "POST", "/webhooks",
     {"url": "https://1.1.1.1/", "events": ["case.opened"]}),
]  # fmt: skip
_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z|fbk_\w+|cli|http")


def _newest(game: GameServer, since: int) -> list[list[str]]:
    """Return the act, subject and details of the rows after this one, without names, ids and times."""
    rows = [row for row in game.container.audit.page(limit=100) if row.id > since]
    return [[_CHANGING.sub("*", text) for text in (row.act, row.subject, row.details)] for row in rows]


def _last_id(game: GameServer) -> int:
    return game.container.audit.page(limit=1)[0].id


def test_every_act_leaves_the_same_rows(game: GameServer, run_json: RunJson) -> None:
    key, players = game.key("admin").text, {name: game.add_player(name) for name in ("cli", "http")}
    for player in players.values():
        redeem(game.container, player, 5)
        game.container.accounts.open_login(game.container.accounts.find(str(player)))
    cli_void = http_void = ""
    for line, method, path, body in ACTS:
        before = _last_id(game)
        words = [word or quoted for quoted, word in re.findall(r"'([^']*)'|(\S+)", line.replace("VOID", cli_void))]
        printed = run_json(*words)
        by_command, between = _newest(game, before), _last_id(game)
        address = f"/admin{path}".replace("PLAYER", str(players["http"])).replace("VOID", http_void)
        answer = game.call(method, address, body, key=key)
        assert answer.status in (200, 201), (line, answer.body)
        assert by_command == _newest(game, between) != [], line
        if path == "/corrections":
            cli_void, http_void = printed["id"], answer.data["correction_id"]
