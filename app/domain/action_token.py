"""The action token: the promise of one action, signed so that only this server can make it.

A token is three parts joined by dots: the key id, the promise (base64url of a JSON object) and an HMAC-SHA256 over
both. The object has the version of its form, `v`, and a short name for each field of the promise (`_NAMES`). A reader
ignores names that it does not know, so a field can be added to `Promise`, with a default, while tokens live; a change
that needs more is a new version (docs/decisions/0036-the-payload-of-an-action-token.md).

Servers before this version made a list of the same values, in the order of `Promise` up to `expires_ms`. Such a token
stays valid until it expires.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, fields
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
    """Everything a token promises. Times are whole milliseconds since 1970, UTC.

    `points` is 0 unless `result_kind` is fixed. A token without the last three fields promises their defaults.
    """

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
    result_kind: str = "fixed"
    min_result: int | None = None
    max_result: int | None = None


_VERSION = 1
_NAMES = {
    "a": "action_id",
    "p": "player_id",
    "t": "action_type",
    "ti": "action_type_id",
    "n": "points",
    "b": "board",
    "s": "season_id",
    "sn": "season_number",
    "at": "issued_ms",
    "exp": "expires_ms",
    "rk": "result_kind",
    "lo": "min_result",
    "hi": "max_result",
}
_LISTED = tuple(_NAMES.values())[:10]
_TYPES: dict[object, tuple[type, ...]] = {"int": (int,), "str": (str,), "int | None": (int, type(None))}
_KINDS = tuple((field.name, _TYPES[field.type]) for field in fields(Promise))
_DEFAULTS = {field.name: field.default for field in fields(Promise)}


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as a client presented it.

    `kid` is the key that signed it, or None for a bad signature: then `promise` is None as well, since nothing in an
    unverified token is trusted. `promise` is also None for a signed text that `sign` did not make. `digest` stands for
    the signed payload, and is empty without a promise.
    """

    kid: str | None
    promise: Promise | None
    digest: str

    @property
    def genuine(self) -> bool:
        """Return whether one of our keys signed the token."""
        return self.kid is not None


class NotAToken(ValueError):
    """The text doesn't even have the shape of an action token."""


def _seal(kid: str, body: str, secret: str) -> str:
    mac = hmac.digest(secret.encode(), f"{kid}.{body}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


_encode = json.JSONEncoder(separators=(",", ":")).encode


def sign(promise: Promise, key: SigningKey) -> str:
    """Return the token for `promise`, signed with `key`."""
    values = {name: getattr(promise, field) for name, field in _NAMES.items()}
    payload = {"v": _VERSION} | {name: value for name, value in values.items() if value != _DEFAULTS[_NAMES[name]]}
    body = base64.urlsafe_b64encode(_encode(payload).encode()).rstrip(b"=").decode()
    return f"{key.kid}.{body}.{_seal(key.kid, body, key.secret)}"


def digest_of(token: str) -> str:
    """Return the digest of the payload of a token of ours; Redis keeps it to compare a presented token with."""
    return _digest(_decode(token.split(".")[1]))


def _digest(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=16).hexdigest()


def read(token: str, secrets: dict[str, str]) -> Presented:
    """Verify `token` and return it with its promise; `secrets` maps key ids to secrets. Raises NotAToken."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise NotAToken()
    kid, body, seal = parts
    secret = secrets.get(kid)
    # The seals are compared as text: base64 has several spellings for the same bytes, and only ours is genuine.
    if secret is None or not hmac.compare_digest(_seal(kid, body, secret).encode(), seal.encode()):
        return Presented(None, None, "")
    return _read_payload(kid, body)


def names_another(token: str, action_id: str, player_id: str) -> bool:
    """Return whether a token with a bad signature names another action or player, as far as it can be read.

    docs/api.md asks for this check before the signature's. Nothing else of such a token may be used.
    """
    try:
        promise = _parse(_decode(token.split(".")[1]))
        return (UUID(promise.action_id), UUID(promise.player_id)) != (UUID(action_id), UUID(player_id))
    except _UNREADABLE:
        return False


_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


def _decode(body: str) -> bytes:
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def _parse(payload: bytes) -> Promise:
    """Return the promise of a payload, of which nothing has been checked. Raises one of _UNREADABLE."""
    values = json.loads(payload)
    if isinstance(values, list):
        return Promise(**dict(zip(_LISTED, values, strict=True)))
    if values["v"] != _VERSION:
        raise ValueError("an unknown version")
    return Promise(**{field: values[name] for name, field in _NAMES.items() if name in values})


def _read_payload(kid: str, body: str) -> Presented:
    """Return a token that we signed; one without a promise, for another shape, is one that a leaked key has signed."""
    try:
        payload = _decode(body)
        promise = _parse(payload)
        if any(type(getattr(promise, name)) not in kinds for name, kinds in _KINDS):
            return Presented(kid, None, "")
        UUID(promise.action_id), UUID(promise.player_id)
    except _UNREADABLE:
        return Presented(kid, None, "")
    return Presented(kid, promise, _digest(payload))


def fingerprint(action_id: str, token: str) -> str:
    """Return a short digest of (action, token), which distinguishes a retry from another request."""
    return hashlib.blake2b(f"{action_id}\n{token}".encode(), digest_size=16).hexdigest()
