"""Tokens of an identity provider: which are good, and the ways in which an attacker makes others look like them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from jwt.utils import der_to_raw_signature, raw_to_der_signature

from app.errors import Unauthorized
from app.services.accounts.provider_keys import ProviderKeys
from app.services.accounts.provider_tokens import ProviderTokens
from app.stores.accounts.key_sources import KeyFile
from tests.parts.provider import (
    AUDIENCE,
    ISSUER,
    SigningKey,
    claims_of,
    ec_key,
    ed_key,
    key_set,
    rsa_key,
    token_of,
)

KEYS = {"RS256": rsa_key, "ES256": ec_key, "EdDSA": ed_key}
_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _tokens(path: Path, *keys: SigningKey) -> ProviderTokens:
    path.write_bytes(key_set(*keys))
    reader = ProviderKeys(KeyFile(str(path)))
    return ProviderTokens(reader, issuer=ISSUER, audience=AUDIENCE, name_claim="preferred_username")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> ProviderTokens:
    """Return the verifier for a provider with a key of each type."""
    return _tokens(tmp_path_factory.mktemp("keys") / "keys.json", rsa_key(), ec_key(), ed_key())


def _is_good(tokens: ProviderTokens, token: str) -> bool:
    """Return whether the token is one of the provider's, and good. Whatever is not is left to our own keys."""
    if not tokens.recognises(token):
        return False
    try:
        tokens.verify(token)
    except Unauthorized:
        return False
    return True


def _unsigned(header: dict[str, Any], **changes: Any) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims_of(**changes)))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_each_algorithm_is_verified_with_its_key(tokens: ProviderTokens, make: Callable[[], SigningKey]) -> None:
    token = token_of("ada", key=make())
    assert tokens.verify(token).claims.subject == "ada"
    forged = token_of("eve", key=make()).rsplit(".", 1)[0] + "." + token.rsplit(".", 1)[1]
    assert not _is_good(tokens, forged)
    stranger = make.__wrapped__(make().kid)  # type: ignore[attr-defined]  # another key with the id of a known one
    assert not _is_good(tokens, token_of("ada", key=stranger))


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("form", ["public_pem", "jwk"])
def test_a_public_key_is_no_shared_secret(tokens: ProviderTokens, make: Callable[[], SigningKey], form: str) -> None:
    key = make()
    secret = key.public_pem if form == "public_pem" else json.dumps(key.jwk).encode()
    hmac = jwt.get_algorithm_by_name("HS256")
    for algorithm in ("HS256", key.algorithm):
        signed = _unsigned({"alg": algorithm, "kid": key.kid, "typ": "JWT"})
        signature = base64.urlsafe_b64encode(hmac.sign(signed.encode(), secret)).rstrip(b"=").decode()
        assert not _is_good(tokens, f"{signed}.{signature}")


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "", "HS256", "RS512", "PS256", "ES384", "rs256", None, 5, ["RS256"]]
)
def test_no_other_algorithm_is_accepted(tokens: ProviderTokens, algorithm: object) -> None:
    unsigned = _unsigned({"alg": algorithm, "kid": "rsa-1"})
    assert not any(_is_good(tokens, f"{unsigned}.{signature}") for signature in ("", "AAAA"))


def test_a_key_verifies_the_algorithm_of_its_own_type_alone(tokens: ProviderTokens) -> None:
    for key in (rsa_key(), ec_key(), ed_key()):
        for kid in {"rsa-1", "ec-1", "ed-1"} - {key.kid}:
            assert not _is_good(tokens, token_of(key=key, header={"kid": kid}))


def test_keys_that_a_token_brings_along_are_ignored(tokens: ProviderTokens) -> None:
    eve = SigningKey("eve", "RS256", rsa_key.__wrapped__("eve").private)
    for kid in ("rsa-1", "eve", None):
        for name, value in (("jwk", eve.jwk), ("jku", "http://127.0.0.1:9/keys"), ("x5u", "http://127.0.0.1:9/x5")):
            assert not _is_good(tokens, token_of(key=eve, header={"kid": kid, name: value}))
    known = token_of(key=rsa_key(), header={"jwk": eve.jwk, "jku": "http://127.0.0.1:9/keys"})
    assert _is_good(tokens, known), "what else the header has does not matter"


@pytest.mark.parametrize("kid", ["", "unknown", "../../dev/null", "rsa-1\0", "' OR 1=1", 5, ["rsa-1"], {"rsa-1": 1}])
def test_an_unknown_key_id_is_refused(tokens: ProviderTokens, kid: object) -> None:
    header = {"alg": "EdDSA", "kid": kid}
    signed = _unsigned(header)
    signature = base64.urlsafe_b64encode(ed_key().private.sign(signed.encode())).rstrip(b"=").decode()
    assert not _is_good(tokens, f"{signed}.{signature}")


def test_a_token_without_a_key_id_needs_an_only_key(tokens: ProviderTokens, tmp_path: Path) -> None:
    nameless = token_of(header={"kid": None})
    assert not _is_good(tokens, nameless)
    assert _is_good(_tokens(tmp_path / "one.json", ed_key()), nameless)


def test_a_weak_rsa_key_signs_nothing(tmp_path: Path) -> None:
    weak = rsa_key("weak", 1024)
    assert not _is_good(_tokens(tmp_path / "weak.json", weak, ed_key()), token_of(key=weak))


def _from_now(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the claims with their times, which are in seconds from now, as times."""
    now = int(time.time())
    is_time = {name: name in ("exp", "iat", "nbf") and isinstance(value, int) for name, value in changes.items()}
    return {name: now + value if is_time[name] else value for name, value in changes.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["other", f"{AUDIENCE}2"]},
        {"aud": []},
        {"aud": {AUDIENCE: 1}},
        {"aud": None},
        {"exp": -60},
        {"exp": None},
        {"iat": 3600},
        {"iat": None},
        {"nbf": 3600},
        {"nbf": "soon"},
        {"sub": None},
        {"sub": 5},
        {"jti": 5},
        {"typ": "ID"},
        {"nonce": "n"},
    ],
    ids=str,
)
def test_claims_are_checked(tokens: ProviderTokens, changes: dict[str, Any]) -> None:
    assert not _is_good(tokens, token_of(**_from_now(changes)))


@pytest.mark.parametrize(
    "changes",
    [{"aud": [AUDIENCE]}, {"aud": ["account", AUDIENCE]}, {"exp": -5}, {"iat": 10}, {"nbf": 10}],
    ids=str,
)
def test_lists_of_audiences_and_clocks_that_differ_are_accepted(
    tokens: ProviderTokens, changes: dict[str, Any]
) -> None:
    assert _is_good(tokens, token_of(**_from_now(changes)))


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "é.é.é", "\ud800.a.b", "\0", "[" * 5000, "ey" * 4000, "eyJhbGciOiJSUzI1NiJ9"]
)
def test_hostile_texts_are_no_tokens(tokens: ProviderTokens, text: str) -> None:
    assert not _is_good(tokens, text)


def test_a_huge_token_is_not_even_read(tokens: ProviderTokens) -> None:
    assert _is_good(tokens, token_of(roles="r" * 4000))
    assert not tokens.recognises(token_of(roles="r" * 9000))


def test_a_critical_header_that_we_do_not_know_is_refused(tokens: ProviderTokens) -> None:
    signed = _unsigned({"alg": "EdDSA", "kid": "ed-1", "crit": ["exp"], "exp": 1})
    signature = base64.urlsafe_b64encode(ed_key().private.sign(signed.encode())).rstrip(b"=").decode()
    assert not _is_good(tokens, f"{signed}.{signature}")


def test_another_form_of_the_same_signature_is_the_same_login(tokens: ProviderTokens) -> None:
    token = token_of(key=ec_key())
    signed, _, signature = token.rpartition(".")
    curve = ec_key().private.curve
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = decode_dss_signature(raw_to_der_signature(raw, curve))
    mirrored = der_to_raw_signature(encode_dss_signature(r, _CURVE_ORDER - s), curve)
    other = f"{signed}.{base64.urlsafe_b64encode(mirrored).rstrip(b'=').decode()}"
    assert other != token
    assert tokens.verify(other).login_id == tokens.verify(token).login_id
    assert tokens.verify(token).login_id != tokens.verify(token_of("ada", key=ec_key(), jti="2")).login_id


def test_a_verified_token_ends_with_its_key_and_at_its_time(tmp_path: Path) -> None:
    now = int(time.time())
    clock = {"monotonic": 0.0, "time": float(now)}
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(ed_key()))
    keys = ProviderKeys(KeyFile(str(path)), clock=lambda: clock["monotonic"])
    tokens = ProviderTokens(
        keys, issuer=ISSUER, audience=AUDIENCE, name_claim="preferred_username", clock=lambda: clock["time"]
    )
    token = token_of(exp=now + 300)
    assert _is_good(tokens, token)
    clock["time"] = now + 329
    assert _is_good(tokens, token)
    clock["time"] = now + 330
    assert not _is_good(tokens, token)
    clock["time"] = now
    path.write_bytes(key_set({**ed_key.__wrapped__("ed-1").jwk}))
    clock["monotonic"] += KeyFile.fresh_seconds
    assert not _is_good(tokens, token), "another key has its id now"
