"""The rate limit and the login of a request: one round trip to Redis, and an order of refusals."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from limits import parse
from limits.strategies import FixedWindowRateLimiter
from redis.crc import key_slot
from werkzeug.test import TestResponse

from app.containers.container import Container
from app.factory import create_app
from app.stores.redis.rate_limits import STORAGE_URI, DirectStorage
from tests.parts.kinds import ON_BOTH

LIMIT = 3


@pytest.fixture
def client(container: Container) -> Iterator[FlaskClient]:
    """Yield a client of an app with small limits per player, on the container's servers."""
    app = create_app(container.settings.model_copy(update={"rate_limit_actions": f"{LIMIT}/minute"}))
    yield app.test_client()
    app.extensions["fairboard"].close()


class Anna:
    """A signed-in player who asks for actions with a body that is refused, so that only the admission costs Redis."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        answer = client.post("/api/v1/auth/register", json={"username": "anna", "password": "correct horse"})
        assert answer.json is not None
        self.headers = {"Authorization": f"Bearer {answer.json['data']['access_token']}"}
        self.id = self.get_me()["user_id"]

    def get_me(self) -> dict[str, str]:
        answer = self._client.get("/api/v1/me", headers=self.headers)
        assert answer.json is not None
        data: dict[str, str] = answer.json["data"]
        return data

    def post(self) -> TestResponse:
        return self._client.post("/api/v1/actions", data=b"{", content_type="application/json", headers=self.headers)

    def issue(self) -> dict[str, str]:
        answer = self._client.post("/api/v1/actions", json={"action_type": "tap"}, headers=self.headers)
        assert answer.json is not None
        action: dict[str, str] = answer.json["data"]
        return action

    def complete(self, action: dict[str, str], **headers: str) -> TestResponse:
        path = f"/api/v1/actions/{action['action_id']}/complete"
        return self._client.post(path, json={"token": action["token"]}, headers={**self.headers, **headers})

    def sign_out(self) -> None:
        assert self._client.post("/api/v1/auth/logout", headers=self.headers).status_code == 204


@pytest.fixture
def anna(client: FlaskClient) -> Anna:
    return Anna(client)


def _refusal(answer: TestResponse) -> tuple[int, str]:
    assert answer.json is not None
    return answer.status_code, answer.json["error"]["code"]


def _trips(container: Container) -> int:
    """Return how often Redis has read from its clients."""
    return int(container.redis.info("stats")["total_reads_processed"])


def test_limit_and_login_cost_one_round_trip(container: Container, anna: Anna) -> None:
    anna.post()  # opens the connection
    before = _trips(container)
    assert anna.post().status_code == 400
    assert _trips(container) - before == 1 + 1, "one of the request, one of this question"


@pytest.mark.parametrize(("key", "trips"), [({}, 2), ({"Idempotency-Key": "k"}, 3)], ids=["keyless", "keyed"])
def test_limit_login_and_claim_cost_one_round_trip(
    container: Container, anna: Anna, key: dict[str, str], trips: int
) -> None:
    first, action = anna.issue(), anna.issue()
    assert anna.complete(first).status_code == 200  # Redis knows the scripts from now on
    before = _trips(container)
    assert anna.complete(action, **key).status_code == 200
    assert _trips(container) - before == trips + 1, "the claim, the ranks, with a key the end; and this question"


@ON_BOTH
def test_a_window_is_in_the_slot_of_the_logins_state(container: Container, anna: Anna) -> None:
    anna.post()
    keys = [key for key in container.redis.keys("*") if anna.id in key]
    assert any(key.startswith("LIMITS:") for key in keys)
    assert any(key.startswith("login:") for key in keys)
    assert any(key.startswith("status:") for key in keys)
    assert len({key_slot(key.encode()) for key in keys}) == 1


@ON_BOTH
def test_flask_limiters_storage_counts_the_same_window(container: Container, anna: Anna) -> None:
    anna.post()
    anna.post()
    storage = DirectStorage(STORAGE_URI, client=container.redis, scripts=container.scripts)
    window = parse(f"{LIMIT}/minute"), "limits", f"{{{anna.id}}}", "issue"
    limiter = FixedWindowRateLimiter(storage)
    assert limiter.get_window_stats(*window).remaining == LIMIT - 2
    assert limiter.hit(*window)
    assert _refusal(anna.post()) == (429, "rate_limited")


@ON_BOTH
def test_the_limit_is_reached_after_its_last_request(anna: Anna) -> None:
    assert [anna.post().status_code for _ in range(LIMIT + 1)] == [400] * LIMIT + [429]
    headers = anna.post().headers
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == (str(LIMIT), "0")


@ON_BOTH
def test_a_redis_that_forgot_scripts_and_logins_counts_on(container: Container, anna: Anna) -> None:
    assert anna.post().status_code == 400
    if hasattr(container.redis.direct, "call_all_masters"):
        container.redis.direct.call_all_masters("SCRIPT", "FLUSH")
    else:
        container.redis.script_flush()
    for key in container.redis.keys("login:*") + container.redis.keys("status:*"):
        container.redis.delete(key)
    assert [anna.post().status_code for _ in range(LIMIT)] == [400] * (LIMIT - 1) + [429]


@ON_BOTH
def test_a_refused_login_comes_before_the_limit(container: Container, anna: Anna) -> None:
    for _ in range(LIMIT):
        anna.post()
    assert _refusal(anna.post()) == (429, "rate_limited")
    assert container.moderation.suspend(UUID(anna.id), "test")
    assert _refusal(anna.post()) == (403, "account_suspended")
    anna.sign_out()
    assert _refusal(anna.post()) == (401, "unauthorized")
