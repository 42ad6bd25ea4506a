"""An independent HTTP client: it knows docs/api.md and nothing of the product's code.

Every answer is held against /openapi.json as it comes in, and those under /api/v1 are checked for the envelope, so
each test checks that too.
"""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.parts.described import check_answer

API = "/api/v1"
PASSWORD = "correct horse battery"
_numbers = itertools.count(1)
_run = uuid.uuid4().hex[:8]


def fresh_name(stem: str = "p") -> str:
    """Return a username that no other player of this run has."""
    return f"{stem}-{_run}-{next(_numbers)}"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `body` is the parsed JSON, or None if there is none."""

    status: int
    headers: Any
    body: Any
    text: str

    @property
    def data(self) -> Any:
        """Return `data` of the envelope. Fails with the whole answer if the request was refused."""
        assert self.status < 400, f"{self.status}: {self.text[:500]}"
        return self.body["data"]

    @property
    def links(self) -> dict[str, Any]:
        links: dict[str, Any] = self.body.get("links") or {}
        return links

    @property
    def code(self) -> str | None:
        """Return the API's code of the refusal, or None if the request was not refused."""
        if not isinstance(self.body, dict) or "error" not in self.body:
            return None
        return str(self.body["error"]["code"])

    @property
    def details(self) -> Any:
        return self.body["error"].get("details")

    @property
    def fields(self) -> set[str]:
        """Return the names of the fields that a 422 lists."""
        return {entry["field"] for entry in self.details}

    @property
    def refusal(self) -> tuple[int, str | None]:
        return self.status, self.code


def check_envelope(answer: Answer) -> None:
    """Check the envelope of docs/api.md, which every answer with a body must have."""
    assert answer.headers.get("Content-Type", "").startswith("application/json"), answer
    assert isinstance(answer.body, dict), answer.text[:500]
    assert set(answer.body) <= {"meta", "data", "links", "error"}, answer.body
    assert answer.body["meta"]["code"] == answer.status, answer.body
    assert answer.body["meta"]["request_id"] == answer.headers["X-Request-ID"], answer.body
    assert ("data" in answer.body) != ("error" in answer.body), answer.body
    assert ("error" in answer.body) == (answer.status >= 400), answer.body
    if "error" in answer.body:
        error = answer.body["error"]
        assert isinstance(error["code"], str), error
        assert isinstance(error["message"], str), error
        assert error["code"], error
        assert error["message"], error
    if answer.status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1, dict(answer.headers)


class _FromAddress(HTTPAdapter):
    """An adapter that connects from one address of this machine: for a limit per address it is another client."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)


class Api:
    """An HTTP client of one product, without a login of its own."""

    def __init__(self, url: str, *, address: str | None = None, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False  # the shell's proxies must not stand before this machine
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True  # a test with TLS sets its certificate
        self._session.mount("http://", _FromAddress(address) if address else HTTPAdapter(pool_maxsize=64))

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        token: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Send a request: `body` as JSON, `raw` as it is. `path` is under /api/v1, `//path` under the host's root."""
        url = self.url + (path[1:] if path.startswith("//") else API + path)
        all_headers: dict[str, str | bytes] = dict(headers or {})
        if token is not None:
            all_headers.setdefault("Authorization", f"Bearer {token}")
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            all_headers.setdefault("Content-Type", "application/json")
        response = self._session.request(
            method, url, data=data, headers=all_headers, timeout=timeout or self.timeout, allow_redirects=False
        )
        try:
            parsed = response.json()
        except ValueError:
            parsed = None
        answer = Answer(response.status_code, response.headers, parsed, response.text)
        if API in url and method != "HEAD" and answer.status not in (101, 204, 304):
            check_envelope(answer)
        if method != "HEAD":
            check_answer(method, url.removeprefix(self.url), answer.status, answer.headers, answer.body)
        return answer

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("POST", path, body, **options)

    def register(self, username: str | None = None, password: str = PASSWORD) -> Player:
        """Register a new player and return their login."""
        username = username or fresh_name()
        answer = self.post("/auth/register", {"username": username, "password": password})
        assert answer.status == 201, answer.text
        return Player(self, username, password, answer.data)

    def login(self, username: str, password: str = PASSWORD) -> Player:
        """Sign the player in once more: another login, another family of tokens."""
        answer = self.post("/auth/login", {"username": username, "password": password})
        return Player(self, username, password, answer.data)


@dataclass
class Player:
    """One login of one player."""

    api: Api
    username: str
    password: str
    signed_in: dict[str, Any]
    user_id: str = field(init=False)
    access_token: str = field(init=False)
    refresh_token: str = field(init=False)

    def __post_init__(self) -> None:
        self.user_id = self.signed_in["user"]["user_id"]
        self.access_token = self.signed_in["access_token"]
        self.refresh_token = self.signed_in["refresh_token"]

    def get(self, path: str, **options: Any) -> Answer:
        return self.api.call("GET", path, token=self.access_token, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.api.call("POST", path, body, token=self.access_token, **options)

    def issue(self, slug: str = "tap") -> dict[str, Any]:
        """Issue an action and return it: `{action_id, token, …}`."""
        answer = self.post("/actions", {"action_type": slug})
        assert answer.status == 201, answer.text
        issued: dict[str, Any] = answer.data
        return issued

    def complete(self, action: dict[str, Any], *, key: str | None = None, **options: Any) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        return self.post(
            f"/actions/{action['action_id']}/complete", {"token": action["token"]}, headers=headers, **options
        )

    def score_once(self, slug: str = "tap") -> dict[str, Any]:
        """Issue an action, redeem it and return the data of the redemption."""
        answer = self.complete(self.issue(slug))
        assert answer.status == 200, answer.text
        scored: dict[str, Any] = answer.data
        return scored

    def me(self) -> dict[str, Any]:
        profile: dict[str, Any] = self.get("/me").data
        return profile

    def state_of(self, action: dict[str, Any]) -> str:
        return str(self.get(f"/actions/{action['action_id']}").data["state"])
