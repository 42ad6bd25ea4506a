"""The headers that nginx adds and drops on the way in, and the requests that it refuses and limits."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from devstack.nginx import Nginx
from tests.parts.client import API, Answer, Api
from tests.parts.edge import Edge
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
SOCKET = "/ws/leaderboard"


def test_a_client_can_not_choose_its_address(api: Api, caller: Callable[[], Api]) -> None:
    """Every address has 20 attempts a minute; another X-Forwarded-For for each attempt does not help."""
    forged = [{"X-Forwarded-For": f"10.9.8.{number}", "X-Real-IP": f"10.9.8.{number}"} for number in range(20)]
    assert {api.post("/auth/login", {}, headers=headers).status for headers in forged} == {422}
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


@pytest.mark.parametrize(("scheme", "status"), [("https", 101), ("http", 403)])
def test_a_page_that_came_without_tls_opens_no_socket_over_tls(edge: Edge, scheme: str, status: int) -> None:
    lines = [f"{name}: {value}" for name, value in UPGRADE.items()]
    lines += ["Host: fairboard.example", "X-Forwarded-Proto: https", f"Origin: {scheme}://fairboard.example", "", ""]
    head = "\r\n".join([f"GET {API}{SOCKET} HTTP/1.1", *lines])
    assert raw_answer(edge.ws[0].address, head.encode()).status == status


@pytest.mark.parametrize("given", ["abc", "a b c", 'with "quotes" and \\', "x" * 64])
def test_a_request_id_passes_through(api: Api, given: str) -> None:
    assert api.get("/action-types", headers={"X-Request-ID": given}).body["meta"]["request_id"] == given


def test_a_request_without_an_id_has_the_same_in_both_logs(edge: Edge, api: Api) -> None:
    request_id = api.get("/nowhere").body["meta"]["request_id"]
    eventually(lambda: request_id.encode() in edge.nginx.access_log.read_bytes())  # a path may be in any encoding


def test_a_body_just_over_the_limit_is_refused_by_the_app_in_its_order_of_checks(api: Api) -> None:
    assert api.post("/auth/login", raw=b" " * 16_384 + b"{}").refusal == (413, "too_large")
    assert api.post("/actions", raw=b" " * 17_000).refusal == (401, "unauthorized")


def test_a_batch_of_scores_passes_up_to_its_own_limit(edge: Edge, api: Api) -> None:
    key = edge.product.run_json("keys", "create", "batches", "--scope", "players", "--scope", "score")["key"]
    headers = {"Authorization": f"Bearer {key}"}
    players = [{"external_id": f"hop-{number}", "username": f"hop-{number}"} for number in range(2)]
    assert [api.post("/players", player, headers=headers).status for player in players] == [201, 201]
    metadata = {"replay": "x" * 900}  # of 1,000 scores: just below 1 MiB
    scores = [
        {
            "key": f"{number}",
            "player": f"ext:hop-{number % 2}",
            "action_type": "tap",
            **({"metadata": metadata} if number else {}),
        }
        for number in range(1000)
    ]
    answer = api.post("/scores/batch", {"scores": scores}, headers=headers)
    assert (answer.status, {row["code"] for row in answer.data}) == (200, {200})
    assert api.post("/scores/batch", raw=b" " * 1_048_577, headers=headers).refusal == (413, "too_large")
    assert api.post("/scores", raw=b" " * 17_000, headers=headers).refusal == (413, "too_large")


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        (b"POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 40000", (413, "too_large")),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x", (414, "uri_too_long")),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 5000, (431, "headers_too_large")),
        (b"GET / HTTP/1.1", (400, "bad_request")),
        (b"TRACE / HTTP/1.1\r\nHost: x", (405, "method_not_allowed")),
        (b"GET /=error HTTP/1.1\r\nHost: x", (404, "not_found")),
        (b"GET / HTTP/2.0\r\nHost: x", (505, "http_version_not_supported")),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: tea", (501, "not_implemented")),
    ],
    ids=["body", "address", "header", "malformed", "method", "internal", "version", "coding"],
)
def test_what_nginx_refuses_is_in_the_envelope(edge: Edge, how: bytes, refusal: tuple[int, str]) -> None:
    answer = raw_answer(edge.nginx.address, how + b"\r\nX-Request-ID: mine\r\nConnection: close\r\n\r\n")
    assert answer.refusal == refusal
    assert answer.body["meta"] == {"code": refusal[0], "request_id": answer.headers["X-Request-ID"]}
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    assert ("Allow" in answer.headers) == (refusal[0] == 405)
    if refusal[0] in (413, 405, 404):  # in the other cases nginx did not read the line of the id
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


@pytest.mark.parametrize("name", ["metrics", "readyz"])
def test_what_looks_like_the_operators_paths_is_closed_to_others_too(edge: Edge, elsewhere: Nginx, name: str) -> None:
    spellings = [name, f"{name}/", f"{name}//", f"{name}%2F", f"{name}%2f", f"/{name}", f".//{name}", f"./{name}"]
    spellings += [f"x/../{name}", f"%2e/{name}", f"x/%2E%2E/{name}", f"%{ord(name[0]):x}{name[1:]}", name.upper()]
    spellings += [f"{name};x", f"{name}%3Bx", f"{name}%0A", f"{name}%20", f"{name}.", f"{name}?x", f"{name}#x"]
    spellings += [
        f"api/v1/ws/../../../{name}",
        f"%2F{name}",
        f"%2F%2F{name}",
        f"{name}/../{name}",
        f"{name}%3F",
        f"{name}%23",
    ]
    for spelling in spellings:
        for target in (f"/{spelling}", f"http://x/{spelling}"):
            lines = [f"GET {target} HTTP/1.1", "Host: x", "X-Test-Address: 203.0.113.9", "Connection: close", "", ""]
            answer = raw_answer(elsewhere.address, "\r\n".join(lines).encode())
            assert answer.code in ("forbidden", "not_found"), target
        lines = [f"GET /{spelling} HTTP/1.1", "Host: x", "X-Forwarded-For: 203.0.113.9", "Connection: close", "", ""]
        direct = raw_answer(edge.api[0].address, "\r\n".join(lines).encode())
        assert direct.code in ("forbidden", "not_found"), spelling


def test_a_server_itself_is_open_to_private_networks_alone(edge: Edge) -> None:
    server = Api(edge.api[0].url)
    for address, status in (("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("203.0.113.9", 403), ("2001:db8::1", 403)):
        for path in ("//metrics", "//readyz"):
            assert server.get(path, headers={"X-Forwarded-For": address}).status == status, address
    for header in ({"X-Forwarded-For": "203.0.113.9, 127.0.0.1"}, {"X-Real-IP": "203.0.113.9"}, {"Forwarded": "for=x"}):
        assert server.get("//metrics", headers=header).refusal == (403, "forbidden")
    assert server.get("//metrics").status == 200, "Prometheus comes through no proxy"
    server.close()


@pytest.mark.parametrize(
    ("addresses", "another_of_them", "somebody_else"),
    [
        (["203.0.113.8"], "203.0.113.8", "203.0.113.7"),
        (["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6"], "2001:db8:1:2:ffff::", "2001:db8:1:3::1"),
        (["::ffff:198.51.100.1"], "::ffff:198.51.100.1", "::ffff:198.51.100.2"),
    ],
    ids=["IPv4", "a /64 of IPv6", "IPv4 in IPv6"],
)
def test_an_address_has_a_thousand_connections(
    elsewhere: Nginx, addresses: list[str], another_of_them: str, somebody_else: str
) -> None:
    """Open a thousand, each in the middle of a request: one more is refused, and another address is not.

    A request whose body does not come is dropped after 10 s, so that on a busy machine the first may have ended before
    the last are counted: the test opens more until one is refused.
    """
    head = "POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nX-Test-Address: {}\r\n\r\n"
    afar = Api(elsewhere.url)
    with ExitStack() as connections:

        def hold(count: int) -> None:
            for number in range(count):
                sock = connections.enter_context(socket.create_connection(elsewhere.address))
                sock.sendall(head.format(addresses[number % len(addresses)]).encode())

        def refused() -> Answer | None:
            answer = afar.get("/action-types", headers={"X-Test-Address": another_of_them})
            if answer.status == 429:
                return answer
            hold(20)
            return None

        hold(1000)

        assert eventually(refused).refusal == (429, "rate_limited")
        assert afar.get("/action-types", headers={"X-Test-Address": somebody_else}).status == 200
    afar.close()


def test_who_takes_too_long_over_the_head_of_a_request_is_let_go(slow_client: socket.socket) -> None:
    """Use the client that began before all tests of this folder, so that this test need not wait."""
    slow_client.settimeout(20)
    with contextlib.suppress(ConnectionResetError):
        assert slow_client.recv(1) == b""
