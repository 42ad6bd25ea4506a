"""Which of a provider's tokens are access tokens, and which names they propose."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from app.domain.provider_claims import proposed_name, provider_claims, suffixed_name
from tests.parts.provider import claims_of


def _read(header: dict[str, Any] | None = None, **changes: Any) -> Any:
    return provider_claims(header or {}, claims_of(**changes), "preferred_username")


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {}),
        ({"typ": "JWT"}, {}),
        ({"typ": "jwt"}, {"typ": "Bearer"}),
        ({"typ": "at+jwt"}, {}),
        ({"typ": "application/at+JWT"}, {"nonce": "n"}),
        ({"typ": "JWT"}, {"typ": "Bearer", "nonce": "n"}),  # older Keycloak
        ({}, {"token_use": "access"}),
    ],
)
def test_access_tokens_of_common_providers_are_read(header: dict[str, Any], claims: dict[str, Any]) -> None:
    assert _read(header, **claims).subject == "ada"


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "logout+jwt"}, {}),
        ({"typ": "dpop+jwt"}, {}),
        ({"typ": ["JWT"]}, {}),
        ({"typ": 5}, {}),
        ({"typ": "JWT"}, {"typ": "ID"}),
        ({"typ": "JWT"}, {"typ": "Refresh"}),
        ({"typ": "JWT"}, {"typ": "DPoP"}),
        ({"typ": "at+jwt"}, {"typ": "ID"}),
        ({}, {"typ": ["Bearer"]}),
        ({}, {"token_use": "id"}),
        ({}, {"nonce": "n"}),
        ({}, {"at_hash": "h"}),
        ({}, {"c_hash": "h"}),
        ({}, {"events": {}}),
        ({"typ": "at+jwt"}, {"cnf": {"jkt": "thumbprint"}}),
        ({}, {"sub": ""}),
        ({}, {"sub": "a" * 256}),
        ({}, {"sub": "a\0"}),
        ({}, {"sub": 5}),
        ({}, {"exp": True}),
        ({}, {"exp": "9999999999"}),
        ({}, {"exp": 1e300}),
        ({}, {"exp": math.nan}),
        ({}, {"iat": -1}),
        ({}, {"iat": [5]}),
    ],
)
def test_other_tokens_are_refused(header: dict[str, Any], claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no"):
        _read(header, **claims)


def test_issuer_and_subject_make_one_person() -> None:
    prints = {
        _read(iss=issuer, sub=subject).fingerprint for issuer, subject in (("a", "bc"), ("ab", "c"), ('a", "b', "c"))
    }
    assert len(prints) == 3
    assert _read(sub="ada").fingerprint == _read(sub="ada", preferred_username="Other", exp=5).fingerprint


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada  Lovelace ", "Ada Lovelace"),
        ("ada.lovelace@example.org", "ada.lovelace"),
        ("@ada", "ada"),
        ("A" * 500, "A" * 32),
        ("Ada Lovelace of Ockham, Countess of Lovelace", "Ada Lovelace of Ockham, Countess"),
        ("山田太郎", "山田太郎"),
        ("ab", None),
        ("", None),
        ("a@example.org", None),
        ("\0\0\0", None),
        ("\ud800abc", None),
        (None, None),
        (["Ada"], None),
        (12345, None),
    ],
)
def test_a_claim_proposes_a_username(claim: object, name: str | None) -> None:
    assert proposed_name(claim) == name


def test_a_suffix_keeps_a_name_within_its_length() -> None:
    assert suffixed_name("Ada", random.Random(1)) == "Ada 2201"
    longest = suffixed_name("A" * 32, random.Random(1))
    assert longest == f"{'A' * 27} 2201"
