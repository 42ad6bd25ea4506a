from __future__ import annotations

import re

import pytest

from app.domain.api_keys import KeySecrets, NotAKey, check_key_name, check_scopes, new_key, new_public_id, read_key

KEY = new_key("AbCdEf012345")


def test_a_key_is_recognised_by_its_form_and_its_checksum() -> None:
    assert re.fullmatch(r"fbk_AbCdEf012345_[0-9A-Za-z]{38}", KEY)
    assert read_key(KEY).public_id == "AbCdEf012345"
    assert len({new_key(new_public_id()) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("place", range(4, len(KEY)))
def test_one_wrong_character_makes_it_no_key(place: int) -> None:
    wrong = "0" if KEY[place] != "0" else "1"
    with pytest.raises(NotAKey):
        read_key(KEY[:place] + wrong + KEY[place + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", "fbk_", KEY[:-1], KEY + "0", KEY + "\n", "FBK" + KEY[3:], KEY.replace("_", "-")],
    ids=["empty", "prefix", "short", "long", "line", "capitals", "dashes"],
)
def test_other_texts_are_no_keys(text: str) -> None:
    with pytest.raises(NotAKey):
        read_key(text)


@pytest.mark.parametrize(
    ("digest", "now", "is_revoked", "is_good"),
    [
        ("new", 200.0, False, True),
        ("old", 99.9, False, True),
        ("old", 100.0, False, False),
        ("old", 100.0 - 7 * 86_400, False, True),
        ("old", 100.0 - 365 * 86_400, False, False),  # no grace is that long: the clock was ahead when it was given
        ("other", 1.0, False, False),
        ("new", 1.0, True, False),
        ("old", 1.0, True, False),
    ],
)
def test_the_secret_before_a_rotation_is_good_for_its_time(
    digest: str, now: float, is_revoked: bool, is_good: bool
) -> None:
    assert KeySecrets("new", "old", 100.0, is_revoked).accept(digest, now) == is_good


def test_without_a_rotation_there_is_one_secret() -> None:
    assert not KeySecrets("new", None, 0.0, is_revoked=False).accept("old", -1.0)


def test_scopes_are_listed_once_in_their_order() -> None:
    assert check_scopes(["read", "players", "read"]) == ["players", "read"]
    with pytest.raises(ValueError, match="at least one"):
        check_scopes([])


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "x" * 65])
def test_a_name_is_printable_and_short(name: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        check_key_name(name)
