"""Only the server can make a token, and no character of one can be changed."""

from __future__ import annotations

import string
from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action_token import NotAToken, Promise, fingerprint, read, sign
from app.setting_types import SecretKey

KEY = SecretKey("k1", "a secret of some length")
PROMISE = Promise(str(uuid4()), str(uuid4()), "tap", 1, 5, "main", 1, 1, 1_000, 601_000)
TOKEN = sign(PROMISE, KEY)
SECRETS = {KEY.kid: KEY.secret}


def test_a_token_says_what_it_was_signed_for() -> None:
    presented = read(TOKEN, SECRETS)
    assert presented.genuine
    assert presented.promise == PROMISE


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
