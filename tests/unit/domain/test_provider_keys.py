"""Which keys of an identity provider's key set are used."""

from __future__ import annotations

import base64
import json

import pytest

from app.domain.provider_keys import LONGEST_SET, read_key_set


def _text(length: int) -> str:
    return base64.urlsafe_b64encode(b"\xff" * length).rstrip(b"=").decode()


_RSA = {"kty": "RSA", "kid": "rsa", "n": _text(256), "e": "AQAB"}
_EC = {"kty": "EC", "kid": "ec", "crv": "P-256", "x": _text(32), "y": _text(32)}
_ED = {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": _text(32)}


def _set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_each_key_verifies_the_one_algorithm_of_its_type() -> None:
    keys = read_key_set(_set(_RSA, _EC, _ED))
    assert {kid: key.algorithm for kid, key in keys.items()} == {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}


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
        pytest.param(_RSA | {"kid": None}, id="no id"),
        pytest.param(_RSA | {"kid": ["rsa"]}, id="id that is a list"),
        pytest.param(_RSA | {"kid": "k" * 256}, id="long id"),
        pytest.param(_EC | {"crv": "P-384"}, id="other curve"),
        pytest.param(_EC | {"crv": "secp256k1"}, id="bitcoin's curve"),
        pytest.param(_EC | {"y": _text(31)}, id="short coordinate"),
        pytest.param(_ED | {"crv": "X25519"}, id="key agreement"),
        pytest.param({"kty": "oct", "kid": "oct", "k": _text(32)}, id="shared secret"),
        pytest.param("rsa", id="no object"),
    ],
)
def test_other_keys_are_left_out(bad: object) -> None:
    good = _ED | {"kid": "good"}
    assert list(read_key_set(_set(bad, good))) == ["good"]


def test_an_id_that_appears_twice_is_no_key() -> None:
    assert list(read_key_set(_set(_RSA, _EC | {"kid": "rsa"}, _ED))) == ["ed"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>down</html>", id="a page"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"keys": {}}', id="keys that are no list"),
        pytest.param(_set(), id="no keys"),
        pytest.param(_set(*[_ED] * 101), id="too many keys"),
        pytest.param(_set(_ED) + b" " * LONGEST_SET, id="too long"),
    ],
)
def test_garbage_is_no_key_set(text: bytes) -> None:
    with pytest.raises(ValueError, match="the key set"):
        read_key_set(text)
