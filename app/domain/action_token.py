"""The action token: the promise of one action, signed so that only this server can make it.

A token is three parts joined by dots: the key id, the promise (base64url of a JSON list) and an HMAC-SHA256 over both.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import astuple, dataclass, fields
from typing import Any, Protocol
from uuid import UUID


class SigningKey(Protocol):
    """Anything with a key id and a secret."""

    @property
    def kid(self) -> str: ...
    @property
    def secret(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Promise:
    """Everything a token promises. Times are whole milliseconds since 1970, UTC."""

    action_id: str
    player_id: str
    action_type: str
    action_type_id: int
    points: int
    board: str
    season_id: int
    season_number: int
    issued_ms: int
    expires_ms: int

    @property
    def digest(self) -> str:
        """Return the digest that stands for the promise in Redis, where a token is compared with the issued one."""
        return hashlib.blake2b(_pack(self), digest_size=16).hexdigest()


_KINDS = tuple(int if field.type == "int" else str for field in fields(Promise))


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as a client presented it.

    `kid` is the key that signed it, or None for a bad signature: then `promise` is None as well, since nothing in an
    unverified token is trusted. `promise` is also None for a signed text that `sign` did not make.
    """

    kid: str | None
    promise: Promise | None

    @property
    def genuine(self) -> bool:
        """Return whether one of our keys signed the token."""
        return self.kid is not None


class NotAToken(ValueError):
    """The text doesn't even have the shape of an action token."""


def _seal(kid: str, body: str, secret: str) -> str:
    mac = hmac.digest(secret.encode(), f"{kid}.{body}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _pack(promise: Promise) -> bytes:
    return json.dumps(astuple(promise), separators=(",", ":")).encode()


def sign(promise: Promise, key: SigningKey) -> str:
    """Return the token for `promise`, signed with `key`."""
    body = base64.urlsafe_b64encode(_pack(promise)).rstrip(b"=").decode()
    return f"{key.kid}.{body}.{_seal(key.kid, body, key.secret)}"


def read(token: str, secrets: dict[str, str]) -> Presented:
    """Verify `token` and return it with its promise; `secrets` maps key ids to secrets. Raises NotAToken."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise NotAToken()
    kid, body, seal = parts
    secret = secrets.get(kid)
    # The seals are compared as text: base64 has several spellings for the same bytes, and only ours is genuine.
    if secret is None or not hmac.compare_digest(_seal(kid, body, secret).encode(), seal.encode()):
        return Presented(None, None)
    return Presented(kid, _unpack(body))


def names_another(token: str, action_id: str, player_id: str) -> bool:
    """Return whether a token with a bad signature names another action or player, as far as it can be read.

    docs/api.md asks for this check before the signature's. Nothing else of such a token may be used.
    """
    try:
        values = _values(token.split(".")[1])
        ids = UUID(values[0]), UUID(values[1])
        return len(values) == len(_KINDS) and ids != (UUID(action_id), UUID(player_id))
    except _UNREADABLE:
        return False


_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


def _values(body: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def _unpack(body: str) -> Promise | None:
    """Return the promise of a body that we signed; None for another shape, which only a leaked key can have signed."""
    try:
        values = _values(body)
        if tuple(type(value) for value in values) != _KINDS:
            return None
        promise = Promise(*values)
        UUID(promise.action_id), UUID(promise.player_id)
    except _UNREADABLE:
        return None
    return promise


def fingerprint(action_id: str, token: str) -> str:
    """Return a short digest of (action, token), which distinguishes a retry from another request."""
    return hashlib.blake2b(f"{action_id}\n{token}".encode(), digest_size=16).hexdigest()
