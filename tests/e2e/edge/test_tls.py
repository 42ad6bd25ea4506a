"""The TLS example with a self-made certificate: the API, the top list, and a socket over wss."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from devstack.nginx import CONFIGURATION, Nginx
from tests.parts.client import Api
from tests.parts.edge import Edge, make_certificate
from tests.parts.subscriber import subscribed


@pytest.fixture
def secure(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nginx]:
    """Start nginx with deploy/nginx/tls.conf.example for its `listen` lines; our clients trust its certificate."""
    nginx = edge.another_nginx("nginx-tls")
    certificate, _ = make_certificate(nginx.data / "conf" / "site" / "tls")
    nginx.listen = (CONFIGURATION / "tls.conf.example").read_text().replace("8443", f"127.0.0.1:{nginx.port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(certificate))
    nginx.start()
    yield nginx
    nginx.stop()


def test_the_api_and_sockets_over_tls(secure: Nginx, caller: Callable[[], Api]) -> None:
    url = secure.url.replace("http:", "https:")
    player = caller().register()
    over_tls = Api(url)
    listed = over_tls.get("/me", token=player.access_token)
    assert listed.data["username"] == player.username
    assert over_tls.get("/leaderboard/top").status == 200
    with subscribed(url, player.access_token, origin=url) as socket:
        scored = player.score_once()
        assert socket.until_change(player.user_id, scored["score"]["current"])
    over_tls.close()


def test_who_speaks_plainly_to_the_tls_port_is_told_in_the_envelope(secure: Nginx) -> None:
    plain = requests.get(f"{secure.url}/api/v1/action-types", timeout=10)
    assert (plain.status_code, plain.json()["error"]["code"]) == (400, "bad_request")


def test_every_answer_says_that_only_tls_is_wanted_from_now_on(secure: Nginx) -> None:
    """Check answers of the app, from the cache, past it, and nginx's own: headers are inherited all or none."""
    over_tls = Api(secure.url.replace("http:", "https:"))
    paths = ["/action-types", "/leaderboard/top", "/leaderboard/top", "/nowhere", "//", "//=error", "//metrics/"]
    answers = [over_tls.get(path) for path in paths]
    answers.append(over_tls.call("TRACE", "/me"))
    answers.append(over_tls.get("/leaderboard/top", headers={"If-None-Match": answers[1].headers["ETag"]}))
    assert {answer.headers.get("Strict-Transport-Security") for answer in answers} == {"max-age=31536000"}
    over_tls.close()


def test_without_tls_nothing_is_said_of_it(edge: Edge, api: Api) -> None:
    for path in ("/action-types", "/leaderboard/top", "//=error"):
        answer = api.get(path, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"})
        assert "Strict-Transport-Security" not in answer.headers
