"""The claims of an identity provider's access token: which tokens are ones, and whom they name."""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from app.domain.accounts import USERNAME_LENGTH, username_of

_LONGEST_SUBJECT = 255
_LATEST = 253_402_300_799.0  # the last second of the year 9999, in Unix seconds
# RFC 9068 types access tokens; many providers write `JWT`, or nothing.
_TYPES = (None, "jwt", "at+jwt")
_ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash", "s_hash")
_LONGEST_CLAIM = 256  # characters of a claim that are looked at for a name
_SUFFIX_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ProviderClaims:
    """A person by issuer and subject, the name that the provider proposes, and the token's times in Unix seconds."""

    issuer: str
    subject: str
    name: str | None
    issued_at: float
    expires_at: float

    @property
    def fingerprint(self) -> str:
        """Return the key of the person: a hash, so that it names nobody once issuer and subject are erased."""
        return hashlib.sha256(json.dumps([self.issuer, self.subject]).encode()).hexdigest()


def provider_claims(header: Mapping[str, object], claims: Mapping[str, object], name_claim: str) -> ProviderClaims:
    """Return the claims of a verified token. Raises ValueError if it is no access token, or lacks a claim."""
    if not _is_access_token(header, claims):
        raise ValueError("not an access token")
    issuer, subject = claims["iss"], claims["sub"]
    if not isinstance(issuer, str) or not isinstance(subject, str):
        raise ValueError("no text as issuer or subject")
    if not 1 <= len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise ValueError("no printable subject")
    return ProviderClaims(
        issuer, subject, proposed_name(claims.get(name_claim)), _moment(claims["iat"]), _moment(claims["exp"])
    )


def _is_access_token(header: Mapping[str, object], claims: Mapping[str, object]) -> bool:
    """Return whether the token is for us to accept.

    A provider signs other tokens with the same keys: ID tokens, which any client of it shows around, refresh and logout
    tokens, and tokens that are bound to a key whose possession nobody has proved here (`cnf`).
    """
    header_type = header.get("typ")
    if isinstance(header_type, str):
        header_type = header_type.lower().removeprefix("application/")
    if header_type not in _TYPES or "events" in claims or "cnf" in claims:
        return False
    stated = [claims[name] for name in ("typ", "token_use") if name in claims]  # of Keycloak, of Cognito
    if stated:
        return all(isinstance(use, str) and use.lower() in ("bearer", "access", "at+jwt") for use in stated)
    return header_type == "at+jwt" or not any(name in claims for name in _ID_TOKEN_CLAIMS)


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LATEST or math.isnan(value):
        raise ValueError("no time in Unix seconds")
    return float(value)


def proposed_name(claim: object) -> str | None:
    """Return the username that a claim proposes, cut to the longest allowed; None if it can't be one.

    Of an e-mail address only the part before the @ is taken: boards are public.
    """
    if not isinstance(claim, str):
        return None
    text = unicodedata.normalize("NFKC", claim[:_LONGEST_CLAIM]).strip().removeprefix("@").partition("@")[0]
    return _name(text[: USERNAME_LENGTH[1]])


def suffixed_name(name: str, source: Random) -> str | None:
    """Return the name with a few digits, for a player whose name is taken; None if that can't be a name."""
    digits = f"{source.randrange(10**_SUFFIX_DIGITS):0{_SUFFIX_DIGITS}}"
    return _name(f"{name[: USERNAME_LENGTH[1] - _SUFFIX_DIGITS - 1].strip()} {digits}")


def _name(text: str) -> str | None:
    try:
        return username_of(text.strip())
    except ValueError:
        return None
