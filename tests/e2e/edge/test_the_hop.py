"""What nginx adds, drops, refuses and limits on the way in."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from deploy.local.nginx import Nginx
from tests.parts.client import Answer, Api
from tests.parts.edge import Edge
from tests.parts.waiting import eventually

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
SOCKET = "/ws/leaderboard"


@pytest.fixture(scope="module")
def elsewhere(edge: Edge) -> Iterator[Nginx]:
    """The same configuration in front of the same servers, for clients who come from afar: they name their address."""
    nginx = edge.another_nginx("nginx-elsewhere")
    nginx.listen += "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Address;\n"
    nginx.start()
    yield nginx
    nginx.stop()


def test_a_client_can_not_choose_its_address(api: Api, caller: Callable[[], Api]) -> None:
    """Everybody has 20 tries a minute; another X-Forwarded-For for each try does not help."""
    forged = [{"X-Forwarded-For": f"10.9.8.{number}", "X-Real-IP": f"10.9.8.{number}"} for number in range(20)]
    assert {api.post("/auth/login", {}, headers=each).status for each in forged} == {422}
    refused = api.post("/auth/login", {}, headers={"X-Forwarded-For": "10.9.9.9", "Forwarded": "for=10.9.9.9"})
    assert refused.refusal == (429, "rate_limited")
    assert caller().post("/auth/login", {}).status == 422, "an address is not another's"


def test_a_client_can_not_choose_the_host_that_origins_are_compared_with(edge: Edge, api: Api) -> None:
    host = edge.url.removeprefix("http://")
    forged = {**UPGRADE, "Origin": "http://evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "::1"}
    assert api.get(SOCKET, headers=forged).refusal == (403, "forbidden")
    assert api.get(SOCKET).status == 426
    wrong_version = {**UPGRADE, "Origin": f"http://{host}", "Sec-WebSocket-Version": "12"}
    assert api.get(SOCKET, headers=wrong_version).status == 426


@pytest.mark.parametrize("given", ["abc", "a b c", 'with "quotes" and \\', "x" * 64])
def test_a_request_id_passes_through(api: Api, given: str) -> None:
    assert api.get("/action-types", headers={"X-Request-ID": given}).body["meta"]["request_id"] == given


def test_a_request_without_an_id_has_the_same_in_both_logs(edge: Edge, api: Api) -> None:
    made = api.get("/nowhere").body["meta"]["request_id"]
    eventually(lambda: made in edge.nginx.access_log.read_text())


def test_a_body_just_over_the_limit_is_refused_by_the_app_in_its_order_of_checks(api: Api) -> None:
    assert api.post("/auth/login", raw=b" " * 16_384 + b"{}").refusal == (413, "too_large")
    assert api.post("/actions", raw=b" " * 17_000).refusal == (401, "unauthorized")


def _raw(edge: Edge, request: bytes) -> Answer:
    """The answer to bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", edge.nginx.port), timeout=10) as sock:
        sock.sendall(request)
        response = http.client.HTTPResponse(sock)
        response.begin()
        text = response.read().decode()
    return Answer(response.status, response.headers, json.loads(text), text)


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        (b"POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 40000", (413, "too_large")),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x", (414, "uri_too_long")),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 5000, (431, "headers_too_large")),
        (b"GET / HTTP/1.1", (400, "bad_request")),
        (b"TRACE / HTTP/1.1\r\nHost: x", (405, "method_not_allowed")),
        (b"GET /=error HTTP/1.1\r\nHost: x", (404, "not_found")),
    ],
    ids=["body", "address", "header", "malformed", "method", "internal"],
)
def test_what_nginx_refuses_is_in_the_envelope(edge: Edge, how: bytes, refusal: tuple[int, str]) -> None:
    answer = _raw(edge, how + b"\r\nX-Request-ID: mine\r\nConnection: close\r\n\r\n")
    assert answer.refusal == refusal
    assert answer.body["meta"] == {"code": refusal[0], "request_id": answer.headers["X-Request-ID"]}
    if refusal[0] in (413, 405, 404):  # in the others the line of the id was not read
        assert answer.headers["X-Request-ID"] == "mine"


def test_no_server_at_all_is_503_unavailable(edge: Edge) -> None:
    nginx = edge.another_nginx("nginx-alone")
    nginx.api = nginx.ws = [("127.0.0.1", 9)]
    nginx.start()
    alone = Api(nginx.url)
    try:
        answers = [alone.get("/me"), alone.post("/actions", {}), alone.get("/leaderboard/top"), alone.get(SOCKET)]
        assert {answer.refusal for answer in answers} == {(503, "unavailable")}
        quoted = alone.get("/me", headers={"X-Request-ID": '"},{"'})
        assert quoted.body["meta"]["request_id"] != '"},{"', "it would break out of the JSON text"
    finally:
        alone.close()
        nginx.stop()


def test_metrics_and_readiness_are_for_operators(elsewhere: Nginx, api: Api) -> None:
    assert "fairboard_" in api.get("//metrics").text
    afar = Api(elsewhere.url)
    for address, status in (("10.1.2.3", 200), ("203.0.113.9", 403), ("2001:db8::1", 403), ("fd00::1", 200)):
        answers = [afar.get(path, headers={"X-Test-Address": address}) for path in ("//metrics", "//readyz")]
        assert {answer.status for answer in answers} == {status}, address
        assert status == 200 or {answer.code for answer in answers} == {"forbidden"}
        assert afar.get("//healthz", headers={"X-Test-Address": address}).status == 200
    afar.close()


def test_an_address_has_a_thousand_connections(elsewhere: Nginx) -> None:
    """Each is in the middle of a request; one more is refused, and another address is not."""
    head = b"POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nX-Test-Address: 203.0.113.8\r\n\r\n"
    afar = Api(elsewhere.url)
    with ExitStack() as held:
        for _ in range(1000):
            held.enter_context(socket.create_connection(("127.0.0.1", elsewhere.port))).sendall(head)

        def refused() -> Answer | None:
            answer = afar.get("/action-types", headers={"X-Test-Address": "203.0.113.8"})
            return answer if answer.status == 429 else None

        assert eventually(refused).refusal == (429, "rate_limited")
        assert afar.get("/action-types", headers={"X-Test-Address": "203.0.113.7"}).status == 200
    afar.close()


def test_who_takes_too_long_over_the_head_of_a_request_is_let_go(slow_client: socket.socket) -> None:
    """It began before all tests of this folder, so that nobody has to wait for it here."""
    slow_client.settimeout(20)
    with contextlib.suppress(ConnectionResetError):
        assert slow_client.recv(1) == b""
