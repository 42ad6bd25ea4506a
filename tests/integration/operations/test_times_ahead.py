"""Times that were given while the clock was ahead, by up to a year, and what they mean once it is set back."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from uuid import uuid4

import pytest

from anticheat.rules import forgery
from app.containers.container import Container
from app.domain.boards import MAIN
from app.domain.corrections import Selection
from app.domain.redemption import RedemptionRequest
from app.factory import create_app
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from tests.integration.boards.test_scorings import redeem
from tests.integration.operations.test_clocks import AN_HOUR_AGO, Clock, _made_an_hour_ahead, _write
from tests.integration.players import add_player


def test_a_token_of_a_year_ahead_ends_with_the_step_back_on_every_process(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that verified it while the clock was ahead remembers the signature, not the time."""
    app = create_app(container.settings)
    client, secret = app.test_client(), container.settings.jwt_keys[0].secret
    registered = client.post("/api/v1/auth/register", json={"username": "anna", "password": "correct horse battery"})
    token = _made_an_hour_ahead(json.loads(registered.text)["data"]["access_token"], secret)
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/me", headers=headers).status_code == 200
    year_ago = time.time() - 365 * 86_400
    monkeypatch.setattr("app.http.identity.time.time", lambda: year_ago)
    assert client.get("/api/v1/me", headers=headers).status_code == 401
    app.extensions["fairboard"].close()


def test_evidence_counts_although_the_suspicion_was_cleared_in_the_future(
    container: Container,
) -> None:
    clock = Clock()
    clocked_container = Container(container.settings, clock=clock)
    anna = add_player(container, "anna")
    clocked_container.moderation.reinstate(anna, "r")
    clock.now = AN_HOUR_AGO
    request = RedemptionRequest(str(anna), str(uuid4()), "token", None, "r")
    clocked_container.moderation.note(request, forgery(), clock.now)
    assert container.suspicions.get(str(anna)).value > 0
    clocked_container.close()


def test_the_age_of_a_proof_is_unknown_when_it_is_yet_to_come(container: Container) -> None:
    container.board_sync.repair()
    container.reconciler.reconcile(pause=0.0)
    name = "fairboard_proof_age_seconds"
    assert [reading.value >= 0 for reading in container.readings.now() if reading.name == name] == [True]
    season = container.standings.season(MAIN)
    store = ReconcileProgressStore(container.redis)
    store.store(season, replace(store.progress(season), passed=time.time() + 3600))
    assert [reading for reading in container.readings.now() if reading.name == name] == []


def test_a_correction_that_was_made_in_the_future_voids_nothing_of_the_hour_that_comes_again(
    container: Container,
) -> None:
    anna = add_player(container, "anna")
    redeem(container, anna, 1)
    void = container.corrections.void(Selection(player_id=anna), actor="cli:tests", reason="a test", request_id="r")
    _write(container, "UPDATE corrections SET made_at = made_at + interval '1 h', until = until + interval '1 h'")
    assert container.corrections.work(void, seconds=10.0).state == "done"
    redeem(container, anna, 2)
    container.corrections.resume_all(1.0)
    assert container.standings.standing(anna).score == 2
