"""`GET /admin/audit`: for admins alone, the newest rows first, page by page."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app.containers.container import Container
from app.factory import create_app

PATH = "/api/v1/admin/audit"


@pytest.fixture
def client(container: Container) -> Iterator[FlaskClient]:
    app = create_app(container.settings.model_copy(update={"rate_limit_reads": "1000/second"}))
    yield app.test_client()
    app.extensions["fairboard"].close()


def _bearer(client: FlaskClient, name: str) -> dict[str, str]:
    answer = client.post("/api/v1/auth/login", json={"username": name, "password": "a good password"})
    return {"Authorization": f"Bearer {answer.get_json()['data']['access_token']}"}


def test_an_admin_reads_it_page_by_page_and_nobody_else_does_unseen(
    container: Container, client: FlaskClient, log_text: io.StringIO
) -> None:
    container.accounts.create("alice", "a good password", "admin")
    container.accounts.create("anna", "a good password")
    for number in range(3):
        container.audit.note("cli:root", "test.act", f"thing:{number % 2}", {"number": number}, f"r-{number}")
    anna = _bearer(client, "anna")
    assert client.get(PATH).status_code == 401
    assert client.get("/api/v1/admin/cases", headers=anna).status_code == 403
    assert client.get(PATH, headers=anna).status_code == 403
    refused = [line for line in log_text.getvalue().splitlines() if "admin_refused" in line]
    assert [("player_id=None" in line, "127.0.0.1" in line) for line in refused] == [(True, True)] + [(False, True)] * 2
    assert PATH in refused[2]
    alice = _bearer(client, "alice")
    first = client.get(f"{PATH}?limit=2", headers=alice).get_json()
    assert [(row["id"], row["details"]) for row in first["data"]] == [(3, {"number": 2}), (2, {"number": 1})]
    rest = client.get(first["links"]["next"], headers=alice).get_json()
    assert [row["id"] for row in rest["data"]] == [1]
    assert "links" not in rest
    chosen = client.get(f"{PATH}?subject=thing:1", headers=alice).get_json()["data"]
    assert [row["request_id"] for row in chosen] == ["r-1"]
    wrong = client.get(f"{PATH}?limit=0&nonsense=1", headers=alice)
    assert (wrong.status_code, {detail["field"] for detail in wrong.get_json()["error"]["details"]}) == (
        422,
        {"limit", "nonsense"},
    )


def test_a_failed_sign_in_is_in_the_log_with_address_and_name_and_without_the_password(
    container: Container, client: FlaskClient, log_text: io.StringIO
) -> None:
    container.accounts.create("anna", "a good password")
    for name in ("anna", "nobody", "x" * 9000, "a\nfake line\x1b[2J"):
        wrong = {"username": name, "password": "a wrong password"}
        assert (
            client.post("/api/v1/auth/login", json=wrong, environ_base={"REMOTE_ADDR": "2001:db8::7"}).status_code
            == 401
        )
    written = log_text.getvalue()
    lines = [line for line in written.splitlines() if "sign_in_failed" in line]
    assert [line.count("2001:db8::7") for line in lines] == [1] * 4
    assert "username=anna" in lines[0]
    assert max(map(len, lines)) < 500
    assert "\x1b" not in written
    assert "wrong password" not in written
