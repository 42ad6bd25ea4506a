"""Which keys of an identity provider's key set are used."""

from __future__ import annotations

import base64

import pytest

from app.domain.provider_keys import LONGEST_SET, choose_key, read_key_set
from tests.parts.provider import ec_key, ed_key, key_set, rsa_key

_RSA, _EC, _ED = rsa_key("rsa").jwk, ec_key("ec").jwk, ed_key("ed").jwk


def _text(length: int) -> str:
    return base64.urlsafe_b64encode(b"\xff" * length).rstrip(b"=").decode()


def test_each_key_verifies_the_one_algorithm_of_its_type() -> None:
    keys = read_key_set(key_set(_RSA, _EC, _ED))
    assert {kid: key.algorithm for kid, key in keys.items()} == {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}
    assert keys == read_key_set(key_set(_ED, _EC, _RSA)), "the same keys are equal"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(_RSA | {"n": _text(255)}, id="RSA of less than 2048 bits"),
        pytest.param(_RSA | {"n": _text(1025)}, id="RSA so long that it only costs time"),
        pytest.param(_RSA | {"e": "AQ"}, id="RSA exponent 1"),
        pytest.param(_RSA | {"e": "Ag"}, id="even RSA exponent"),
        pytest.param(_RSA | {"n": 5}, id="number for text"),
        pytest.param(_RSA | {"n": "ä"}, id="not base64"),
        pytest.param(_RSA | {"use": "enc"}, id="for encryption"),
        pytest.param(_RSA | {"key_ops": ["encrypt"]}, id="not for verifying"),
        pytest.param(_RSA | {"key_ops": None}, id="operations that are no list"),
        pytest.param(_RSA | {"alg": "HS256"}, id="another algorithm"),
        pytest.param(_RSA | {"alg": "ES256"}, id="algorithm of another type"),
        pytest.param(_RSA | {"d": "AQAB"}, id="private key"),
        pytest.param(_RSA | {"kid": None}, id="id that is null"),
        pytest.param(_RSA | {"kid": ["rsa"]}, id="id that is a list"),
        pytest.param(_RSA | {"kid": "k" * 256}, id="long id"),
        pytest.param(_EC | {"crv": "P-384"}, id="other curve"),
        pytest.param(_EC | {"crv": "secp256k1"}, id="bitcoin's curve"),
        pytest.param(_EC | {"y": _text(31)}, id="short coordinate"),
        pytest.param(_EC | {"y": _text(32)}, id="point that is not on the curve"),
        pytest.param(_ED | {"crv": "X25519"}, id="key agreement"),
        pytest.param({"kty": "oct", "kid": "oct", "k": _text(32)}, id="shared secret"),
        pytest.param({"kid": "none"}, id="no type"),
    ],
)
def test_other_keys_are_left_out(bad: dict[str, object]) -> None:
    assert list(read_key_set(key_set(bad, ed_key("good")))) == ["good"]


def test_keys_that_share_an_id_count_only_if_one_of_them_is_usable() -> None:
    assert list(read_key_set(key_set(_RSA, _EC | {"kid": "rsa"}, _ED))) == ["ed"]
    keys = read_key_set(key_set(_RSA, _EC | {"kid": "rsa", "use": "enc"}))
    assert keys["rsa"].algorithm == "RS256"


def test_a_token_without_a_key_id_means_the_only_key() -> None:
    nameless = {name: value for name, value in _ED.items() if name != "kid"}
    for entry in (_ED, nameless):
        keys = read_key_set(key_set(entry))
        assert choose_key(keys, None) == choose_key(keys, "") == next(iter(keys.values()))
        assert choose_key(keys, "other") is None
    two_keys = read_key_set(key_set(nameless, _EC))
    assert [choose_key(two_keys, kid) for kid in (None, "", "ec")] == [None, None, two_keys["ec"]]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>down</html>", id="a page"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"keys": {}}', id="keys that are no list"),
        pytest.param(b'{"keys": ["rsa", 5, null]}', id="keys that are no objects"),
        pytest.param(key_set(), id="no keys"),
        pytest.param(key_set(*[_ED] * 101), id="too many keys"),
        pytest.param(key_set(_ED) + b" " * LONGEST_SET, id="too long"),
    ],
)
def test_garbage_is_no_key_set(text: bytes) -> None:
    with pytest.raises(ValueError, match="the key set"):
        read_key_set(text)
