"""Only the server can make a token, and no character of one can be changed."""

from __future__ import annotations

import base64
import hmac
import json
import string
from dataclasses import astuple, fields, replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action_token import NotAToken, Promise, digest_of, fingerprint, names_another, read, sign
from app.setting_types import SecretKey
from tests.parts import old_tokens

KEY = SecretKey("k1", "a secret of some length")
PROMISE = Promise(str(uuid4()), str(uuid4()), "tap", 1, 5, "main", 1, 1, 1_000, 601_000)
TOKEN = sign(PROMISE, KEY)
SECRETS = {KEY.kid: KEY.secret}


def test_a_token_says_what_it_was_signed_for() -> None:
    presented = read(TOKEN, SECRETS)
    assert presented.genuine
    assert presented.promise == PROMISE


def test_the_digest_of_a_token_is_the_one_of_its_reading() -> None:
    assert read(TOKEN, SECRETS).digest == digest_of(TOKEN)


def test_each_field_of_a_promise_changes_the_digest() -> None:
    promises = [PROMISE]
    for field in fields(Promise):
        value = getattr(PROMISE, field.name)
        changed: dict[str, Any] = {field.name: value + 1 if isinstance(value, int) else str(uuid4())}
        promises.append(replace(PROMISE, **changed))
    assert len({digest_of(sign(promise, KEY)) for promise in promises}) == len(promises)


def test_a_token_of_version_0_1_0_is_read_with_the_digest_that_its_server_stored() -> None:
    presented = read(old_tokens.TOKEN, {old_tokens.KEY.kid: old_tokens.KEY.secret})
    assert presented.promise == old_tokens.PROMISE
    assert presented.digest == old_tokens.DIGEST == digest_of(old_tokens.TOKEN)


def _sign_text(payload: str) -> str:
    """Return a token with a payload that `sign` does not make."""
    body = base64.urlsafe_b64encode(payload.encode()).rstrip(b"=").decode()
    seal = hmac.digest(KEY.secret.encode(), f"{KEY.kid}.{body}".encode(), "sha256")
    return f"{KEY.kid}.{body}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"


def _payload() -> dict[str, Any]:
    body = TOKEN.split(".")[1]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return payload


def test_an_unknown_name_in_a_payload_is_ignored() -> None:
    token = _sign_text(json.dumps({**_payload(), "z": {"later": [1]}}))
    presented = read(token, SECRETS)
    assert presented.promise == PROMISE
    assert presented.digest == digest_of(token) != digest_of(TOKEN)


SHAPES = [
    {**_payload(), "v": 2},
    {name: value for name, value in _payload().items() if name != "v"},
    {**_payload(), "n": "5"},
    {**_payload(), "n": True},
    {**_payload(), "a": "not an id"},
    {},
    [],
    [*astuple(PROMISE), 1],
    list(astuple(PROMISE))[:-1],
    "a text with ten and more letters",
    5,
    None,
]


@pytest.mark.parametrize("shape", [*SHAPES, *({**_payload(), name: None} for name in _payload())])
def test_a_signed_payload_of_another_shape_has_no_promise(shape: object) -> None:
    presented = read(_sign_text(json.dumps(shape)), SECRETS)
    assert presented.genuine
    assert (presented.promise, presented.digest) == (None, "")


@pytest.mark.parametrize("name", list(_payload()))
def test_a_payload_without_one_of_todays_names_has_no_promise(name: str) -> None:
    shape = {key: value for key, value in _payload().items() if key != name}
    assert read(_sign_text(json.dumps(shape)), SECRETS).promise is None


def test_a_forged_token_of_either_form_names_its_action_and_player() -> None:
    for token, promise in ((TOKEN, PROMISE), (old_tokens.TOKEN, old_tokens.PROMISE)):
        assert not names_another(token, promise.action_id, promise.player_id)
        assert names_another(token, str(uuid4()), promise.player_id)
        assert names_another(token, promise.action_id, str(uuid4()))
    assert not names_another("k1.%%%%.x", PROMISE.action_id, PROMISE.player_id)


@pytest.mark.parametrize("name", [field.name for field in fields(Promise)])
def test_every_part_of_the_promise_is_under_the_signature(name: str) -> None:
    value = getattr(PROMISE, name)
    changed: dict[str, Any] = {name: value + 1 if isinstance(value, int) else str(uuid4())}
    altered = replace(PROMISE, **changed)
    forged = ".".join([KEY.kid, sign(altered, KEY).split(".")[1], TOKEN.split(".")[2]])
    assert not read(forged, SECRETS).genuine


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(string.ascii_letters + string.digits + "-_"))
def test_no_character_can_be_changed(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    try:
        genuine = read(changed, SECRETS).genuine
    except NotAToken:
        genuine = False
    assert genuine == (changed == TOKEN)


def test_a_key_that_was_rotated_out_no_longer_verifies() -> None:
    assert not read(TOKEN, {"k2": KEY.secret}).genuine


def test_an_older_key_still_verifies_beside_a_new_one() -> None:
    assert read(TOKEN, {"k2": "another secret", **SECRETS}).genuine


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_never_genuine(text: str) -> None:
    try:
        presented = read(text, SECRETS)
    except NotAToken:
        return
    assert not presented.genuine


def test_a_fingerprint_tells_actions_and_tokens_apart() -> None:
    fingerprints = {fingerprint(action, token) for action in ("a", "b") for token in ("x", "y")}
    assert len(fingerprints) == 4
