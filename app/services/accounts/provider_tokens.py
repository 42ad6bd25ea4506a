"""Access tokens of the identity provider: whether they are good, and whom they name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args
from uuid import UUID

import jwt

from app.domain.provider_claims import ProviderClaims, provider_claims
from app.domain.provider_keys import Algorithm, ProviderKey
from app.errors import Unauthorized
from app.services.accounts.provider_keys import ProviderKeys

_LONGEST_TOKEN = 8192  # characters, as many as a header may have
_LEEWAY_SECONDS = 30  # between the provider's clock and ours
_REMEMBERED = 10_000
_ALGORITHMS: tuple[object, ...] = get_args(Algorithm)
_REQUIRED = ["iss", "aud", "sub", "iat", "exp"]
_INVALID = "The token is not valid. Sign in again."
_EXPIRED = "The token has expired. Get a new one from the identity provider."


@dataclass(frozen=True, slots=True)
class ProviderToken:
    """A good token: its claims, and the id of the login that it stands for."""

    claims: ProviderClaims
    login_id: UUID


class ProviderTokens:
    """Verifies tokens by the key that their header names.

    The key decides the algorithm; the rest of the header (`jwk`, `jku`, `x5u` and the like) is not used.
    """

    def __init__(
        self,
        keys: ProviderKeys,
        *,
        issuer: str,
        audience: str,
        name_claim: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys, self._clock = keys, clock
        self._issuer, self._audience, self._name_claim = issuer, audience, name_claim
        # A good signature stays good as long as its key is in the set, which is looked up each time.
        self._verified = lru_cache(_REMEMBERED)(self._verify)

    @staticmethod
    def recognises(token: str) -> bool:
        """Return whether the token's header names an algorithm of providers, which our own tokens never do."""
        return _header(token).get("alg") in _ALGORITHMS

    def verify(self, token: str) -> ProviderToken:
        """Return a good token's claims. Raises Unauthorized, also if its key is unknown or can't be read."""
        header = _header(token)
        kid = header.get("kid")
        key = self._keys.find(kid) if kid is None or isinstance(kid, str) else None
        if key is None or header.get("alg") != key.algorithm:
            raise Unauthorized(_INVALID)
        verified = self._verified(token, key)
        if self._clock() >= verified.claims.expires_at + _LEEWAY_SECONDS:
            raise Unauthorized(_EXPIRED)
        return verified

    def _verify(self, token: str, key: ProviderKey) -> ProviderToken:
        try:
            decoded = jwt.decode_complete(
                token,
                key.public,
                algorithms=[key.algorithm],
                options={"require": _REQUIRED},
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_SECONDS,
            )
            claims = provider_claims(decoded["header"], decoded["payload"], self._name_claim)
        except jwt.ExpiredSignatureError:
            raise Unauthorized(_EXPIRED) from None
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise Unauthorized(_INVALID) from None
        # Of that which is signed: a signature may have several forms, and no other form must make another login.
        signed = token.rpartition(".")[0].encode()
        return ProviderToken(claims, UUID(bytes=hashlib.sha256(signed).digest()[:16], version=4))


def _header(token: str) -> dict[str, object]:
    """Return the unverified header; an empty one for a text that is no token, or a huge one."""
    if len(token) > _LONGEST_TOKEN:
        return {}
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        return {}
