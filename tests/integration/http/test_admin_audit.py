"""`GET /admin/audit`: for admins alone, the newest first, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from app.container import Container
from app.factory import create_app

PATH = "/api/v1/admin/audit"


@pytest.fixture
def client(container: Container) -> Iterator[FlaskClient]:
    app = create_app(replace(container.settings, rate_limit_reads="1000/second"))
    yield app.test_client()
    app.extensions["fairboard"].close()


def _bearer(client: FlaskClient, name: str) -> dict[str, str]:
    answer = client.post("/api/v1/auth/login", json={"username": name, "password": "a good password"})
    return {"Authorization": f"Bearer {answer.get_json()['data']['access_token']}"}


def test_an_admin_reads_it_page_by_page_and_nobody_else_does(container: Container, client: FlaskClient) -> None:
    container.accounts.create("alice", "a good password", "admin")
    container.accounts.create("anna", "a good password")
    for number in range(3):
        container.audit.note("cli:root", "test.act", f"thing:{number % 2}", {"number": number}, f"r-{number}")
    assert client.get(PATH).status_code == 401
    assert client.get(PATH, headers=_bearer(client, "anna")).status_code == 403
    alice = _bearer(client, "alice")
    first = client.get(f"{PATH}?limit=2", headers=alice).get_json()
    assert [(row["id"], row["details"]) for row in first["data"]] == [(3, {"number": 2}), (2, {"number": 1})]
    rest = client.get(first["links"]["next"], headers=alice).get_json()
    assert [row["id"] for row in rest["data"]] == [1]
    assert "links" not in rest
    chosen = client.get(f"{PATH}?subject=thing:1", headers=alice).get_json()["data"]
    assert [row["request_id"] for row in chosen] == ["r-1"]
    refused = client.get(f"{PATH}?limit=0&nonsense=1", headers=alice)
    assert (refused.status_code, {each["field"] for each in refused.get_json()["error"]["details"]}) == (
        422,
        {"limit", "nonsense"},
    )
