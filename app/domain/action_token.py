"""The action token: what one action promises, signed so that nobody else can promise it.

A token is three parts joined by dots: the key id, the promise (base64url of a JSON list) and an HMAC-SHA256 over both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import astuple, dataclass
from typing import Protocol
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


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as somebody presented it: `promise` is None where it can't be read, `genuine` says we signed it."""

    promise: Promise | None
    genuine: bool


class NotAToken(ValueError):
    """The text doesn't have the shape of an action token at all."""


def _seal(kid: str, body: str, secret: str) -> str:
    mac = hmac.digest(secret.encode(), f"{kid}.{body}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def sign(promise: Promise, key: SigningKey) -> str:
    """The token for `promise`, signed with `key`."""
    packed = json.dumps(astuple(promise), separators=(",", ":")).encode()
    body = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    return f"{key.kid}.{body}.{_seal(key.kid, body, key.secret)}"


def read(token: str, secrets: dict[str, str]) -> Presented:
    """What `token` says and whether we said it; `secrets` maps key ids to secrets. Raises NotAToken."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts) or not token.isascii():
        raise NotAToken(token[:8])
    kid, body, seal = parts
    secret = secrets.get(kid)
    # The seals are compared as text: base64 has several spellings for the same bytes, and only ours is genuine.
    genuine = secret is not None and hmac.compare_digest(_seal(kid, body, secret), seal)
    return Presented(_unpack(body), genuine)


def _unpack(body: str) -> Promise | None:
    try:
        values = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        promise = Promise(*values)
        UUID(promise.action_id), UUID(promise.player_id)
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return promise


def fingerprint(action_id: str, token: str) -> str:
    """A short stand-in for (action, token), to tell a retry from another request."""
    return hashlib.blake2b(f"{action_id}\n{token}".encode(), digest_size=16).hexdigest()
