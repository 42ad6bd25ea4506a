"""Actions and tokens that expire, in a product where they do so within seconds."""

from __future__ import annotations

from collections.abc import Callable

from tests.parts.client import Api
from tests.parts.waiting import eventually

Caller = Callable[[], Api]


def test_an_action_expires(caller: Caller) -> None:
    anna = caller().register()
    action = anna.issue()
    eventually(lambda: anna.state_of(action) == "expired", every=0.3)
    assert anna.complete(action).refusal == (401, "invalid_token")
    assert anna.me()["score"] == 0


def test_expired_actions_make_room_for_new_ones(caller: Caller) -> None:
    anna = caller().register()
    anna.issue()
    action = anna.issue()
    eventually(lambda: anna.state_of(action) == "expired", every=0.3)
    assert anna.complete(anna.issue()).status == 200


def test_an_access_token_expires_and_its_refresh_token_goes_on(caller: Caller) -> None:
    api = caller()
    anna = api.register()
    assert anna.signed_in["expires_in"] == 10
    # The server may allow a little leeway for clocks that differ.
    eventually(lambda: anna.get("/me").refusal == (401, "unauthorized"), within=40, every=1.5)
    renewed = api.post("/auth/refresh", token=anna.refresh_token)
    assert renewed.status == 200
    assert api.get("/me", token=renewed.data["access_token"]).status == 200
