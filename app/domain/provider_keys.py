"""Which public keys of an identity provider are used, and for which algorithm: the key decides, never the token."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jwt import PyJWK
from jwt.exceptions import PyJWTError

Algorithm = Literal["RS256", "ES256", "EdDSA"]
LONGEST_SET = 256 * 1024  # bytes; providers publish a few KiB
_MOST_KEYS = 100
_LONGEST_KEY_ID = 255
_SHORTEST_RSA, _LONGEST_RSA = 2048, 8192  # bits; longer keys only cost time


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A public key with the one algorithm that it verifies; `kid` is empty for a key without an id.

    Two keys are equal if id, algorithm and the public numbers (`text`, as JSON) are.
    """

    kid: str
    algorithm: Algorithm
    text: str
    public: PyJWK = field(compare=False, repr=False)


def read_key_set(text: bytes) -> dict[str, ProviderKey]:
    """Return the usable keys of a JWK Set by their id. Raises ValueError if it is no key set, or has no usable key.

    Keys of other types, for encryption, too weak or private are left out; so are usable keys that share an id, since
    nobody can say which of them is meant.
    """
    if len(text) > LONGEST_SET:
        raise ValueError(f"the key set is longer than {LONGEST_SET} bytes")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the key set is not JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > _MOST_KEYS:
        raise ValueError(f"the key set has no list 'keys' of at most {_MOST_KEYS} keys")
    usable_keys = [key for entry in entries if (key := _usable(entry)) is not None]
    uses = Counter(key.kid for key in usable_keys)
    keys = {key.kid: key for key in usable_keys if uses[key.kid] == 1}
    if not keys:
        raise ValueError("the key set has no key for RS256, ES256 or EdDSA signatures")
    return keys


def choose_key(keys: Mapping[str, ProviderKey], kid: str | None) -> ProviderKey | None:
    """Return the key that a token's header names. A token without a key id means the only key there is."""
    if kid:
        return keys.get(kid)
    return next(iter(keys.values())) if len(keys) == 1 else None


def _usable(entry: object) -> ProviderKey | None:
    if not isinstance(entry, dict) or "d" in entry:
        return None
    kid, operations = entry.get("kid", ""), entry.get("key_ops", ["verify"])
    if not isinstance(kid, str) or len(kid) > _LONGEST_KEY_ID:
        return None
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    kind = _algorithm(entry)
    if kind is None or entry.get("alg", kind[0]) != kind[0]:
        return None
    algorithm, names = kind
    fields = {name: entry[name] for name in names}
    try:
        public = PyJWK(fields, algorithm)
    except (PyJWTError, ValueError):  # such as a point that is not on its curve
        return None
    return ProviderKey(kid, algorithm, json.dumps(fields, sort_keys=True), public)


def _algorithm(entry: Mapping[str, object]) -> tuple[Algorithm, tuple[str, ...]] | None:
    match entry.get("kty"), entry.get("crv"):
        case "RSA", None:
            bits = int.from_bytes(_decoded(entry.get("n"))).bit_length()
            exponent = int.from_bytes(_decoded(entry.get("e")))
            sound = _SHORTEST_RSA <= bits <= _LONGEST_RSA and 3 <= exponent < 2**32 and exponent % 2 == 1
            return ("RS256", ("kty", "n", "e")) if sound else None
        case "EC", "P-256":
            sound = len(_decoded(entry.get("x"))) == 32 == len(_decoded(entry.get("y")))
            return ("ES256", ("kty", "crv", "x", "y")) if sound else None
        case "OKP", "Ed25519":
            return ("EdDSA", ("kty", "crv", "x")) if len(_decoded(entry.get("x"))) == 32 else None
        case _:
            return None


def _decoded(value: object) -> bytes:
    """Return the bytes of an unpadded base64url text; none for anything else."""
    if not isinstance(value, str):
        return b""
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
