"""The JSON of cases: every field, in its order, over HTTP and on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app.cli.register import register
from app.containers.container import Container
from app.domain.redemption import RedemptionRequest
from app.errors import Forbidden
from app.factory import create_app
from app.services.moderation.decisions import DecisionAuthor

_CASE = (
    '"case_id":"ID","state":"confirmed","opened_at":"AT","starts_at":"AT","decided_at":"AT","decided_by":"cli:tests",'
    '"reason":"a test","correction_id":"ID",'
)
_PLAYER = '"player_id":"ID","username":"anna","status":"suspended","held":false,'
_EVIDENCE = (
    '"signals":[{"at":"AT","source":"live","rule":"timing","action_id":"ID","action_type":"boss-fight","seen":"TEXT",'
    '"expected":"TEXT","added":0.5,"left":0.5,"suspicion":0.5,"outcome":"reject","is_hard":true,'
    '"decayed":0.5}],'
    '"signals_total":1,"summary":"TEXT","suspicion":0.5,'
    '"decisions":[{"decision":"confirmed","decided_by":"cli:tests","decided_by_name":null,"decided_at":"AT",'
    '"reason":"a test","correction_id":"ID","request_id":"r-1"}],"linked_cases":[]'
)
_OWN = '"case_id":"ID","state":"confirmed","opened_at":"AT","decided_at":"AT","appealed_at":"AT"'


@pytest.fixture
def client(container: Container) -> Iterator[FlaskClient]:
    app = create_app(container.settings.model_copy(update={"rate_limit_reads": "1000/second"}))
    register(app)
    yield app.test_client()
    app.extensions["fairboard"].close()


@pytest.fixture
def case_id(container: Container) -> str:
    """Return a case that was confirmed, and against which its player has appealed."""
    anna = container.accounts.create("anna", "a good password").id
    issued = container.actions.issue(anna, "boss-fight")
    with pytest.raises(Forbidden):
        container.redemptions.complete(
            RedemptionRequest(str(anna), issued.promise.action_id, issued.token, None, "r-0")
        )
    (case,), _ = container.cases.page()
    container.decisions.decide(case.case_id, "confirmed", DecisionAuthor("cli:tests", "a test", "r-1"))
    container.cases.appeal(anna, "It was my cat.")
    return str(case.case_id)


def _bearer(client: FlaskClient, name: str) -> dict[str, str]:
    answer = client.post("/api/v1/auth/login", json={"username": name, "password": "a good password"})
    return {"Authorization": f"Bearer {answer.get_json()['data']['access_token']}"}


def _masked(text: str) -> str:
    """Return the text with its ids, times, words about evidence and decimal numbers replaced."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    text = re.sub(r'"(seen|expected|summary)":"[^"]*"', r'"\1":"TEXT"', text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "AT", text)
    return re.sub(r":\d+\.\d+(?=[,}])", ":0.5", text)


def _data(client: FlaskClient, path: str, name: str) -> str:
    text = client.get(f"/api/v1{path}", headers=_bearer(client, name)).get_data(as_text=True)
    return _masked(text.partition('"data":')[2].partition(',"links":')[0])


def test_over_http(container: Container, client: FlaskClient, case_id: str) -> None:
    container.accounts.create("alice", "a good password", "admin")
    appeal = ',"appeal":{"text":"It was my cat.","appealed_at":"AT"}'
    assert _data(client, f"/admin/cases/{case_id}", "alice") == f"{{{_CASE}{_PLAYER}{_EVIDENCE}{appeal}}}"
    assert _data(client, "/admin/cases", "alice").startswith(
        '[{"case_id":"ID","state":"confirmed","opened_at":"AT","starts_at":"AT","decided_at":"AT",'
        '"decided_by":"cli:tests","appealed_at":"AT","player_id":"ID","username":"anna","status":"suspended",'
        '"signals":1,"highest_suspicion":0.5,"rules":["timing"],"harm":null}]'
    )
    own = _data(client, "/me", "anna")
    assert f'"case":{{{_OWN},"may_appeal":false}}' in own


def test_open_cases_by_harm_over_http(container: Container, client: FlaskClient, case_id: str) -> None:
    container.accounts.create("alice", "a good password", "admin")
    assert _data(client, "/admin/cases?order=harm", "alice").startswith("[]"), "decided cases do no harm"
    container.decisions.undo(UUID(case_id), DecisionAuthor("cli:tests", "a test", "r-2"))
    row = _data(client, "/admin/cases?order=harm", "alice")
    assert '"harm":{"score":0.5,"certainty":0.5,"points":0.5,"place":0.5,"waiting":0.5}' in row
    headers = _bearer(client, "alice")
    assert client.get("/api/v1/admin/cases?order=harm&state=cleared", headers=headers).status_code == 422
    assert client.get("/api/v1/admin/cases?order=oldest", headers=headers).status_code == 422


def test_an_appeal_over_http(container: Container, client: FlaskClient, case_id: str) -> None:
    container.database.rows("UPDATE cases SET appeal = NULL, appealed_at = NULL RETURNING id")
    assert '"appealed_at":null,"may_appeal":true}' in _data(client, "/me", "anna")
    answer = client.post("/api/v1/me/appeal", json={"text": "It was my cat."}, headers=_bearer(client, "anna"))
    text = _masked(answer.get_data(as_text=True))
    assert '"data":{"case_id":"ID","appealed_at":"AT"}' in text


def test_on_the_command_line(client: FlaskClient, case_id: str) -> None:
    appeal = '"appeal":"It was my cat.","appealed_at":"AT",'
    result = client.application.test_cli_runner().invoke(args=["anticheat", "show", case_id, "--json"])
    compact = json.dumps(json.loads(result.stdout), separators=(",", ":"))
    assert f'"cases":[{{{_CASE}{appeal}{_PLAYER}{_EVIDENCE}}}]' in _masked(compact)
    result = client.application.test_cli_runner().invoke(args=["anticheat", "cases", "--json"])
    (row,) = json.loads(result.stdout)
    assert list(row)[:7] == ["case_id", "state", "opened_at", "starts_at", "decided_at", "decided_by", "appealed_at"]
    assert list(row)[7:] == ["player_id", "username", "status", "signals", "highest_suspicion", "rules", "harm"]
