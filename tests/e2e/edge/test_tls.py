"""The TLS example with a self-made certificate: the API, the top list, and a socket over wss."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests

from deploy.local.nginx import CONFIGURATION, Nginx
from tests.parts.client import Api
from tests.parts.edge import Edge
from tests.parts.subscriber import subscribed


@pytest.fixture
def secure(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nginx]:
    """nginx with deploy/nginx/tls.conf.example for its `listen` lines; our clients trust its certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    nginx = edge.another_nginx("nginx-tls")
    folder = nginx.data / "conf" / "site" / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "fairboard.crt", folder / "fairboard.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
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
