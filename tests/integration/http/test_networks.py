"""One customer's IPv6 addresses are one caller, for every limit that counts addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.containers.container import Container
from app.factory import create_app

LIMIT = 3
ANNA = {"username": "anna", "password": "correct horse"}


@pytest.fixture
def client(container: Container) -> Iterator[FlaskClient]:
    rate = f"{LIMIT}/hour"
    app = create_app(
        container.settings.model_copy(
            update={
                "rate_limit_auth": rate,
                "rate_limit_reads": rate,
                "rate_limit_sockets": rate,
                "rate_limit_refresh": rate,
            }
        )
    )
    yield app.test_client()
    app.extensions["fairboard"].close()


def _from(address: str) -> dict[str, Any]:
    return {"environ_overrides": {"REMOTE_ADDR": address}}


PATHS = [
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("GET", "/leaderboard/top"),
    ("GET", "/ws/leaderboard"),
]
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_addresses_of_one_64_share_every_limit_and_those_of_another_do_not(client: FlaskClient) -> None:
    for method, path in PATHS:

        def ask(address: str, method: str = method, path: str = path) -> int:
            headers = UPGRADE if path.startswith("/ws") else {}
            return client.open(f"/api/v1{path}", method=method, headers=headers, **_from(address)).status_code

        for spellings in (
            ["2001:db8::1", "2001:db8::2", "2001:DB8:0:0:ffff::3"],
            ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:51000"],
        ):
            assert 429 not in [ask(address) for address in spellings], path
        assert [ask("2001:db8::ffff:0:0:1"), ask("192.0.2.1")] == [429, 429], path
        assert 429 not in [ask("2001:db8:0:1::1"), ask("192.0.2.2")], path


def test_a_login_is_renewed_and_ended_so_often_and_who_is_not_signed_in_learns_that_first(
    client: FlaskClient,
) -> None:
    signed_in = client.post("/api/v1/auth/register", json=ANNA).get_json()["data"]
    for number in range(LIMIT):
        answer = client.post(
            "/api/v1/auth/refresh",
            headers={"Authorization": f"Bearer {signed_in['refresh_token']}"},
            **_from(f"192.0.2.{number}"),
        )
        signed_in = answer.get_json()["data"]
    headers = {"Authorization": f"Bearer {signed_in['refresh_token']}"}
    refused = client.post("/api/v1/auth/refresh", headers=headers, **_from("192.0.2.99"))
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    nobody = client.post("/api/v1/auth/refresh", headers={"Authorization": "Bearer x"}, **_from("192.0.2.99"))
    assert nobody.status_code == 401
