"""Another proxy, which ends TLS, in front of nginx: the settings that tell its clients apart."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest

from devstack.nginx import Nginx
from tests.parts.client import PASSWORD, Api, fresh_name
from tests.parts.edge import Edge, make_certificate
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

# A usual configuration of such a proxy; here it also believes the addresses that its clients name, so that a test can
# act as a distant client.
_CONFIGURATION = """
events {{}}
http {{
    access_log off;
    {temporary}
    server {{
        listen {address} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Test-Address;
        location / {{
            proxy_pass {behind};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Test-Address "";
        }}
    }}
}}
"""
_addresses = (f"203.0.113.{number}" for number in itertools.count(1))


class TlsProxy(Nginx):
    """A second nginx with a configuration of its own."""

    behind: Nginx

    def _configure(self) -> None:
        folder = self.data / "conf"
        certificate, key = make_certificate(folder)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f'{kind}_temp_path "{folder}/{kind}";' for kind in kinds)
        host, port = self.address
        text = _CONFIGURATION.format(
            temporary=temporary, address=f"{host}:{port}", certificate=certificate, key=key, behind=self.behind.url
        )
        (folder / "nginx.conf").write_text(self._identity_and_log() + text)


@pytest.fixture(scope="module")
def nginx(edge: Edge) -> Iterator[Nginx]:
    """Start the nginx behind the proxy; at first it trusts no proxy."""
    nginx = edge.another_nginx("nginx-behind")
    nginx.start()
    yield nginx
    nginx.stop()


@pytest.fixture(scope="module")
def proxy(edge: Edge, nginx: Nginx) -> Iterator[TlsProxy]:
    proxy = TlsProxy(edge.folder / "proxy", edge.product.stack.folder.log("proxy"), api=[], ws=[])
    proxy.behind = nginx
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def client(proxy: TlsProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Yield a client that has the address in its X-Test-Address."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.data / "conf" / "fairboard.crt"))
    client = Api(proxy.url.replace("http:", "https:"))
    yield client
    client.close()


def _register(client: Api, address: str) -> int:
    body = {"username": fresh_name(), "password": PASSWORD}
    return client.post("/auth/register", body, headers={"X-Test-Address": address}).status


def _doctor(edge: Edge) -> dict[str, str]:
    parts = json.loads(edge.product.flask("doctor", "--json").stdout)["parts"]
    clients: dict[str, str] = next(part for part in parts if part["part"] == "clients")
    return clients


def test_a_proxy_that_is_not_named_makes_all_clients_one_and_the_doctor_says_so(edge: Edge, client: Api) -> None:
    assert [_register(client, next(_addresses)) for _ in range(21)] == [201] * 20 + [429]
    finding = _doctor(edge)
    limits = edge.product.redis()  # the other tests here sign in from this machine within the same minute
    limits.delete(*limits.scan_iter("LIMITS:LIMITER/limits/127.0.0.1/auth/*"))
    assert (finding["state"], "127.0.0.1" in finding["says"]) == ("note", True)
    assert "trusted-proxies.conf" in finding["advice"]


def test_operators_do_not_come_through_a_proxy_that_is_not_named(client: Api, nginx: Nginx) -> None:
    for headers in ({}, {"X-Test-Address": "10.1.2.3"}, {"X-Forwarded-For": "127.0.0.1"}):
        assert client.get("//metrics", headers=headers).refusal == (403, "forbidden")
        assert client.get("//readyz", headers=headers).refusal == (403, "forbidden")
    direct = Api(nginx.url)
    assert direct.get("//metrics").status == 200
    assert direct.get("//metrics", headers={"X-Real-IP": "10.1.2.3"}).status == 403
    direct.close()


@pytest.fixture
def trusting(nginx: Nginx, client: Api) -> Nginx:
    """Return nginx with the proxy named to it."""
    if not nginx.trusted:
        nginx.trusted = ["127.0.0.1", "192.0.2.10", "2001:db8:ffff::10"]
        nginx.reload()
        headers = {"X-Test-Address": "10.1.2.3"}
        eventually(lambda: client.get("//readyz", headers=headers).status == 200)
    return nginx


def test_the_clients_of_a_proxy_that_is_named_are_themselves(edge: Edge, trusting: Nginx, client: Api) -> None:
    address, other_address = next(_addresses), next(_addresses)
    for number in range(20):
        forged = {"X-Test-Address": address, "X-Forwarded-For": f"10.0.0.{number}, 198.51.100.{number}"}
        assert client.post("/auth/login", {}, headers=forged).status == 422
    assert client.post("/auth/login", {}, headers={"X-Test-Address": address}).status == 429
    assert client.post("/auth/login", {}, headers={"X-Test-Address": other_address}).status == 422


def test_operators_are_known_by_the_address_that_the_proxy_saw(trusting: Nginx, client: Api) -> None:
    expected = {"10.1.2.3": 200, "203.0.113.250": 403, "2001:db8::1": 403, "fd00::1": 200}
    for address, status in expected.items():
        for path in ("//metrics", "//readyz"):
            for forged in ({}, {"X-Forwarded-For": "10.0.0.1"}, {"X-Forwarded-For": "127.0.0.1, 10.0.0.1"}):
                answer = client.get(path, headers={"X-Test-Address": address, **forged})
                assert answer.status in {status, 403 if forged else status}, (address, path, forged)


def test_the_scheme_is_the_word_of_a_proxy_that_is_named(trusting: Nginx, client: Api) -> None:
    headers = {"X-Test-Address": "203.0.113.251"}
    for path in ("/action-types", "/leaderboard/top", "/nowhere", "//=error"):
        assert client.get(path, headers=headers).headers["Strict-Transport-Security"] == "max-age=31536000"
    direct = Api(trusting.url, address="127.77.250.250")
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.252"}
    assert "Strict-Transport-Security" not in direct.get("/action-types", headers=forged).headers
    direct.close()


# X-Forwarded-For lines as a named proxy sends them; the client's address, and whether it is an operator's.
_FORWARDED = [
    (["203.0.113.9"], "203.0.113.9", False),
    (["10.0.0.1"], "10.0.0.1", True),
    (["10.0.0.1, 203.0.113.9"], "203.0.113.9", False),
    (["10.0.0.1", "203.0.113.9"], "203.0.113.9", False),
    (["10.0.0.1:5555"], "10.0.0.1", True),
    (["fd00::1, 2001:db8:ffff::10"], "fd00::1", True),
    (["[fd00::1]:443"], "fd00::1", True),
    # A private address that forwards for somebody may be a proxy that nobody has named.
    (["203.0.113.9", "10.0.0.1"], "10.0.0.1", False),
    (["203.0.113.9, 10.0.0.1"], "10.0.0.1", False),
    (["10.0.0.11, 10.0.0.1, 192.0.2.10"], "10.0.0.1", False),
    (["10.0.0.1, 203.0.113.9, 192.0.2.10"], "203.0.113.9", False),
    (["10.0.0.1, 203.0.113.9", "2001:db8:ffff::10", "192.0.2.10"], "203.0.113.9", False),
    (["fd00::1, 2001:db8::7, 2001:db8:ffff::10"], "2001:db8::7", False),
    (["203.0.113.9:5555"], "203.0.113.9", False),
    (["[2001:db8::7]:443"], "2001:db8::7", False),
    (["10.0.0.1, 192.0.2.11"], "192.0.2.11", False),
    # What is no address can't be believed: the proxy's own address counts, and no operator comes through it.
    (["unknown"], "127.0.0.1", False),
    (["10.0.0.1, unknown"], "127.0.0.1", False),
    (["10.0.0.1, _hidden"], "127.0.0.1", False),
    ([", ,"], "127.0.0.1", False),
    (["127.0.0.1"], "127.0.0.1", False),
    (["192.0.2.10"], "192.0.2.10", False),
]


def test_the_client_is_the_last_address_that_no_named_proxy_has(trusting: Nginx) -> None:
    answers = []
    for number, (values, _, _) in enumerate(_FORWARDED):
        lines = [f"X-Forwarded-For: {value}" for value in values]
        lines += [f"X-Request-ID: forwarded-{number}", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1"]
        head = "\r\n".join(["GET /readyz HTTP/1.1", "Host: x", *lines, "Connection: close", "", ""])
        answers.append(raw_answer(trusting.address, head.encode()).status)
    assert answers == [200 if is_operator else 403 for _, _, is_operator in _FORWARDED]

    def addresses() -> list[str]:
        logged = [json.loads(line) for line in trusting.access_log.read_text().splitlines()]
        named = {line["request_id"]: line["address"] for line in logged}
        return [named.get(f"forwarded-{number}", "") for number in range(len(_FORWARDED))]

    eventually(lambda: all(addresses()))
    assert addresses() == [address for _, address, _ in _FORWARDED]
