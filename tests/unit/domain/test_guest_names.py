"""Names of guests: friendly, valid, and recognised by their form."""

from __future__ import annotations

import random

import pytest

from app.domain.accounts import username_of
from app.domain.guest_names import ADJECTIVES, ANIMALS, guest_name, is_guest_name
from app.domain.look_alikes import is_reserved, skeletons


def test_names_are_valid_and_have_the_form_that_nobody_may_choose() -> None:
    source = random.Random(1)
    names = {guest_name(source) for _ in range(2000)}
    assert len(names) == 2000
    for name in names:
        assert username_of(name) == name
        assert is_guest_name(name)
        assert not is_reserved(name)


def test_no_two_pairs_of_words_look_alike() -> None:
    pairs = [f"{adjective} {animal}" for adjective in ADJECTIVES for animal in ANIMALS]
    keys = [key for pair in pairs for key in skeletons(pair)]
    assert len(set(keys)) == len(keys) == 2 * 64 * 64


@pytest.mark.parametrize("name", ["Calm Otter", "Calm Otter 4021", "Calm Otter 402134", "Otter 40213", "Anna 40213"])
def test_other_names_have_another_form(name: str) -> None:
    assert not is_guest_name(name)
