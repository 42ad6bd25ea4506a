"""An identity provider: its keys, the tokens that it signs, and a server with its key set, which may misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://id.example.org/realms/game"
AUDIENCE = "fairboard"
_PEM, _PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@dataclass(frozen=True)
class SigningKey:
    """A private key with the id and the algorithm of its tokens."""

    kid: str
    algorithm: str
    private: Any = field(repr=False)

    @property
    def jwk(self) -> dict[str, Any]:
        """Return the public key as it is in a key set."""
        kind = jwt.get_algorithm_by_name(self.algorithm)
        jwk: dict[str, Any] = json.loads(kind.to_jwk(self.private.public_key()))
        return {**jwk, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    @property
    def public_pem(self) -> bytes:
        pem: bytes = self.private.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return pem

    @property
    def private_pem(self) -> bytes:
        pem: bytes = self.private.private_bytes(_PEM, _PKCS8, serialization.NoEncryption())
        return pem


@cache
def rsa_key(kid: str = "rsa-1", bits: int = 2048) -> SigningKey:
    return SigningKey(kid, "RS256", rsa.generate_private_key(65537, bits))


@cache
def ec_key(kid: str = "ec-1") -> SigningKey:
    return SigningKey(kid, "ES256", ec.generate_private_key(ec.SECP256R1()))


@cache
def ed_key(kid: str = "ed-1") -> SigningKey:
    return SigningKey(kid, "EdDSA", ed25519.Ed25519PrivateKey.generate())


def key_set(*keys: SigningKey | Mapping[str, Any]) -> bytes:
    """Return a JWK Set with these keys."""
    return json.dumps({"keys": [key.jwk if isinstance(key, SigningKey) else key for key in keys]}).encode()


def claims_of(subject: str = "ada", /, **changes: Any) -> dict[str, Any]:
    """Return the claims of an access token that is good for five minutes; a change to None leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + 300,
        "preferred_username": subject.capitalize(),
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def token_of(subject: str = "ada", /, *, key: SigningKey | None = None, header: Any = None, **changes: Any) -> str:
    """Return an access token, by default of the EdDSA key; `header` adds to its header, or replaces in it."""
    key = key or ed_key()
    headers = {"kid": key.kid, **(header or {})}
    payload = json.dumps(claims_of(subject, **changes)).encode()
    headers = {name: value for name, value in {"typ": "JWT", **headers}.items() if value is not None}
    return jwt.PyJWS().encode(payload, key.private, key.algorithm, headers)


class KeyServer:
    """A server with a key set. `answer` makes (status, headers, body) of each request; `asked` counts requests."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Callable[[], tuple[int, dict[str, str], bytes]] = lambda: (200, {}, key_set(ed_key()))
        self.url = ""

    def publish(self, *keys: SigningKey) -> None:
        """Answer with these keys from now on."""
        self.serve(key_set(*keys))

    def serve(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer with this body from now on."""
        self.answer = lambda: (status, headers, body)


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """Run a server of an identity provider on this machine."""
    state = KeyServer()

    class _Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            status, headers, body = state.answer()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/keys"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
