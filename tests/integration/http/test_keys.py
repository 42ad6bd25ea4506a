"""Keys rotate: the first signs, all verify, and a removed key no longer verifies."""

from __future__ import annotations

from flask.testing import FlaskClient

from app.containers.container import Container
from app.factory import create_app
from app.setting_types import SecretKey

OLD, NEW = (
    SecretKey("old", "the old secret, long enough for anybody"),
    SecretKey("new", "the new secret, long enough for all"),
)


def client(container: Container, *keys: SecretKey) -> FlaskClient:
    """Return a client of the product with these keys for both kinds of token."""
    return create_app(container.settings.model_copy(update={"jwt_keys": keys, "action_token_keys": keys})).test_client()


def sign_in(client: FlaskClient) -> dict[str, str]:
    answer = client.post("/api/v1/auth/register", json={"username": "anna", "password": "correct horse"})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json['data']['access_token']}"}  # type: ignore[index]


def test_a_token_of_an_older_key_works_until_the_key_is_taken_out(container: Container) -> None:
    anna = sign_in(client(container, OLD))
    assert client(container, NEW, OLD).get("/api/v1/me", headers=anna).status_code == 200
    assert client(container, NEW).get("/api/v1/me", headers=anna).status_code == 401


def test_the_first_key_signs(container: Container) -> None:
    anna = sign_in(client(container, NEW, OLD))
    assert client(container, NEW).get("/api/v1/me", headers=anna).status_code == 200
    assert client(container, OLD).get("/api/v1/me", headers=anna).status_code == 401


def test_an_action_token_of_an_older_key_can_be_redeemed_until_the_key_is_taken_out(container: Container) -> None:
    before = client(container, OLD)
    anna = sign_in(before)

    def redeem(*keys: SecretKey) -> int:
        issued = before.post("/api/v1/actions", json={"action_type": "tap"}, headers=anna).json
        assert issued is not None
        app = create_app(
            container.settings.model_copy(update={"jwt_keys": (OLD,), "action_token_keys": keys})
        ).test_client()
        action, token = issued["data"]["action_id"], issued["data"]["token"]
        answer = app.post(f"/api/v1/actions/{action}/complete", json={"token": token}, headers=anna)
        return answer.status_code

    assert redeem(NEW, OLD) == 200
    assert redeem(NEW) == 401
