"""API keys of a game's own server: their form, their scopes, and which secret is the key's.

A key reads `fbk_<public id>_<secret><checksum>`. The prefix and the checksum let secret scanners recognise a leaked one
without asking us; the public id names the key in lists and logs. Only a digest of the whole key is stored: its secret
has 190 random bits, so that a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

Scope = Literal["players", "score", "read", "moderate", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "fbk_"
MOST_GRACE_SECONDS = 604_800
MOST_PER_MINUTE = 1_000_000
_SET_BACK_SECONDS = 86_400  # by which a clock may be set back before a grace that was given then is over
_NAME_CHARACTERS = 64
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 12, 32, 6
_KEY = re.compile(
    rf"({PREFIX}(?P<public_id>[0-9A-Za-z]{{{_ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}})"
    rf"(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})",
    re.ASCII,
)


class NotAKey(ValueError):
    """The text has not the form of a key, or its checksum is wrong: it was never one."""


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A key that a caller presents: its public id, and the digest that is compared with the stored one."""

    public_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class KeySecrets:
    """What decides whether a presented key is good. Times are Unix seconds.

    After a rotation the previous secret is good until `previous_until`.
    """

    digest: str
    previous_digest: str | None
    previous_until: float
    is_revoked: bool

    def accept(self, digest: str, now: float) -> bool:
        """Return whether the key with this digest is good now."""
        if self.is_revoked:
            return False
        if hmac.compare_digest(self.digest, digest):
            return True
        is_previous = self.previous_digest is not None and hmac.compare_digest(self.previous_digest, digest)
        return is_previous and now < self.previous_until <= now + MOST_GRACE_SECONDS + _SET_BACK_SECONDS


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner sees it, without its secret. `per_minute` is its own rate limit; None: RATE_LIMIT_KEYS.

    After a rotation the secret before it is good until `previous_until`.
    """

    id: UUID
    public_id: str
    name: str
    scopes: Sequence[Scope]
    per_minute: int | None
    created_at: datetime
    created_by: str
    last_used_at: datetime | None
    previous_until: datetime | None
    revoked_at: datetime | None

    @property
    def prefix(self) -> str:
        """Return the beginning of the key, by which it is recognised."""
        return PREFIX + self.public_id


@dataclass(frozen=True, slots=True)
class KeyCaller:
    """The key of a request that has proved its secret."""

    id: UUID
    public_id: str
    scopes: Sequence[Scope]
    per_minute: int | None

    @property
    def prefix(self) -> str:
        """Return the beginning of the key, by which it is recognised in logs."""
        return PREFIX + self.public_id

    def may(self, *scopes: Scope) -> bool:
        """Return whether the key has one of these scopes."""
        return not set(scopes).isdisjoint(self.scopes)


def new_public_id() -> str:
    """Return a random public id."""
    return _random_text(_ID_LENGTH)


def new_key(public_id: str) -> str:
    """Return a new key with a random secret."""
    body = f"{PREFIX}{public_id}_{_random_text(_SECRET_LENGTH)}"
    return body + _checksum(body)


def read_key(text: str) -> PresentedKey:
    """Return the parts of a key that a caller presents. Raises NotAKey."""
    match = _KEY.fullmatch(text)
    if match is None or match["checksum"] != _checksum(match[1]):
        raise NotAKey()
    return PresentedKey(match["public_id"], digest_of(text))


def digest_of(key: str) -> str:
    """Return the SHA-256 of a key, in hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def check_key_name(name: str) -> str:
    """Return the name of a key. Raises ValueError with the rule."""
    if not 1 <= len(name) <= _NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        raise ValueError(f"must have 1 to {_NAME_CHARACTERS} printable characters, with no space at its ends")
    return name


def check_scopes(scopes: Sequence[Scope]) -> list[Scope]:
    """Return the scopes in the order of SCOPES, each once. Raises ValueError without any."""
    if not scopes:
        raise ValueError("must have at least one scope")
    return [scope for scope in SCOPES if scope in scopes]


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _checksum(body: str) -> str:
    number, text = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
