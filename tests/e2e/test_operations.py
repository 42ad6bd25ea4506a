"""The endpoints and logs that operators look at."""

from __future__ import annotations

import re

from tests.parts import ready_python
from tests.parts.client import Api, Player
from tests.parts.product import Product


def test_it_lives_and_is_ready(api: Api) -> None:
    assert api.get("//healthz").status == 200
    assert api.get("//readyz").status == 200


def test_metrics_are_prometheus_text(api: Api, anna: Player) -> None:
    anna.score_once()
    answer = api.get("//metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    samples = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert samples
    for line in samples:
        assert re.fullmatch(r"[a-zA-Z_:][\w:]*(\{.*\})? [-+0-9.eEInfNa]+( \d+)?", line), line


def test_metrics_name_no_player_and_no_secret(api: Api, product: Product, anna: Player) -> None:
    anna.score_once()
    text = api.get("//metrics").text
    for secret in (anna.username, anna.user_id, anna.access_token, product.env["JWT_KEYS"].split(":")[1]):
        assert secret not in text


def test_the_page_is_there_for_people(api: Api) -> None:
    answer = api.get("//")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_value_that_makes_no_sense_stops_the_start_with_one_line_that_names_it(product: Product) -> None:
    for name, value in {"PORT": "eighty", "RATE_LIMIT_AUTH": "many", "JWT_KEYS": "no-colon"}.items():
        result = ready_python.run({**product.env, name: value}, "wsgi", ["wsgi"])
        lines = (result.stdout + result.stderr).strip().splitlines()
        assert result.returncode != 0
        assert len(lines) == 1, lines
        assert name in lines[0]


def test_no_secret_reaches_a_log(product: Product, api: Api) -> None:
    password = "a very particular password"
    player = api.register(password=password)
    action = player.issue()
    player.complete(action, key="a-key-of-ones-own")
    api.post("/auth/refresh", token=player.refresh_token)
    api.get("/me", token=player.access_token + "x")
    text = "".join(log.read_text(errors="replace") for log in (product.stack.folder.path / "log").glob("*.log"))
    secrets = [password, player.access_token, player.refresh_token, action["token"]]
    secrets += [product.env[name].split(":", 1)[1] for name in ("JWT_KEYS", "ACTION_TOKEN_KEYS")]
    assert [secret[:12] for secret in secrets if secret in text] == []
