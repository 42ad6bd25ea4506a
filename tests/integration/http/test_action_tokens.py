"""Action tokens of other servers, older and newer ones, during an update."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from anticheat.rules import ActionTypeLimits
from app.containers.container import Container
from app.domain.action_token import digest_of, sign
from app.factory import create_app
from tests.parts.old_tokens import DIGEST, KEY, PROMISE, TOKEN

LIMITS = ActionTypeLimits(0, None, None)
PASSWORD = "correct horse battery"


@pytest.fixture
def client(container: Container) -> Iterator[FlaskClient]:
    """Yield a client of an app with the old server's key."""
    app = create_app(container.settings.model_copy(update={"action_token_keys": (KEY,)}))
    yield app.test_client()
    app.extensions["fairboard"].close()


@pytest.fixture
def headers(container: Container, client: FlaskClient) -> dict[str, str]:
    """Return the headers of a login of the player of the old server's promise."""
    container.accounts.create("ben", PASSWORD)
    (row,) = container.database.rows("SELECT password_hash FROM players")
    container.players.add(UUID(PROMISE.player_id), "anna", "anna", row.password_hash, "player")
    answer = client.post("/api/v1/auth/login", json={"username": "anna", "password": PASSWORD})
    assert answer.json is not None
    return {"Authorization": f"Bearer {answer.json['data']['access_token']}"}


def _complete(client: FlaskClient, headers: dict[str, str], token: str) -> tuple[int, str]:
    path = f"/api/v1/actions/{PROMISE.action_id}/complete"
    answer = client.post(path, json={"token": token}, headers=headers)
    assert answer.json is not None
    return answer.status_code, answer.json.get("error", {}).get("code", "scored")


def _sign(values: dict[str, Any]) -> str:
    """Return the token that a server with another form of payload would make."""
    body = base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()
    seal = hmac.digest(KEY.secret.encode(), f"{KEY.kid}.{body}".encode(), "sha256")
    return f"{KEY.kid}.{body}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"


def _values() -> dict[str, Any]:
    body = sign(PROMISE, KEY).split(".")[1]
    values: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return values


def test_a_token_of_the_server_before_is_redeemed_once(
    container: Container, client: FlaskClient, headers: dict[str, str]
) -> None:
    container.action_claims.issue(PROMISE, DIGEST, LIMITS, most=10)
    assert _complete(client, headers, TOKEN) == (200, "scored")
    assert _complete(client, headers, TOKEN) == (403, "token_already_used")


def test_a_token_of_a_newer_server_with_a_further_name_is_redeemed(
    container: Container, client: FlaskClient, headers: dict[str, str]
) -> None:
    token = _sign({**_values(), "region": "eu"})
    container.action_claims.issue(PROMISE, digest_of(token), LIMITS, most=10)
    assert _complete(client, headers, sign(PROMISE, KEY)) == (401, "invalid_signature"), "it is not the issued token"
    assert _complete(client, headers, token) == (200, "scored")


@pytest.mark.parametrize("version", [2, None, "1"])
def test_a_token_of_another_version_is_refused(
    container: Container, client: FlaskClient, headers: dict[str, str], version: object
) -> None:
    token = _sign({**_values(), "v": version})
    container.action_claims.issue(PROMISE, digest_of(token), LIMITS, most=10)
    assert _complete(client, headers, token) == (401, "invalid_signature")
