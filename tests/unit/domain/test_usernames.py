"""The rules for usernames, and the pairs that look the same to a reader."""

from __future__ import annotations

import pytest

from app.domain.accounts import older_username_key, username_key, username_of
from app.domain.invisible import is_ignorable
from app.domain.look_alikes import is_reserved, skeletons

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def alike(first: str, second: str) -> bool:
    return any(mine == theirs for mine, theirs in zip(skeletons(first), skeletons(second), strict=True))


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x180B, 0x3164, 0xFE0F, 0xFFA0, 0xE0100, 0x17B4])
def test_letters_and_marks_that_are_never_seen_do_not_count(code: int) -> None:
    assert is_ignorable(chr(code))
    assert username_of(f"An{chr(code)}na{chr(code)}") == "Anna"
    assert username_key(f"An{chr(code)}na") == username_key("Anna")
    with pytest.raises(ValueError, match="3 to 32 characters"):
        username_of("ab" + chr(code))


@pytest.mark.parametrize(
    "name",
    [
        "\u3164" * 3,
        "\ufe0f" * 5,
        "\u2800" * 3,
        "   ",
        "\u0301\u0301\u0301",
        "\U000e0041" * 3,
        "Anna\u2800",
        "a\u200bbc",
        "a\u202ebc",
        "a\u00adbc",
        "a\u200dbc",
        "\ue000abc",
        "\ufffeabc",
        "\ufdd0abc",
        "abc\ufffd",
        "\u0378abc",
        "\ud800abc",
        "\U0001d159abc",
    ],
)
def test_what_cannot_be_seen_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must"):
        username_of(name)


@pytest.mark.parametrize(
    "name",
    [
        FAMILY,
        f"{FAMILY} fam",
        "I \u2764\ufe0f U",
        "\u2764\ufe0f\u2764\ufe0f\u2764\ufe0f",
        f"{ENGLAND} fan",
        "1\ufe0f\u20e3st",
        "\U0001f1ef\U0001f1f5 Jun",
        "\U0001f3f3\ufe0f\u200d\U0001f308 pride",
        "\u3055\u304f\u3089",
        "\u0645\u062d\u0645\u062f",
        "\u0939\u093f\u0902\u0926\u0940",
        "\u0932\u0921\u093c\u0947\u0902",
        "\u0e2a\u0e21\u0e0a\u0e32\u0e22",
        "\u0e19\u0e49\u0e4d\u0e32\u0e1c\u0e36\u0e49\u0e07",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
        "\u1000\u103b\u1031\u102c\u103a",
        "\u0f66\u0f92\u0fb2\u0f7c\u0f63",
        "Nguy\u1ec5n",
        "\u2c81\u2c83\u2c83\u2c81",
        "\u13e3\u13b3\u13a9",
        "D'Angelo",
    ],
)
def test_emoji_and_names_of_all_scripts_are_kept_as_they_are(name: str) -> None:
    assert username_of(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "Z\u0301\u0302\u0303algo",
        "a\u0301\u0301\u0301bc",
        "q\u0335\u0336\u0337",
        "\u0e01\u0e34\u0e34\u0e34ab",
        "\u0301abc",
        "q \u0301neil",
        "abc\u00b4",
        "ab\u20dd\u20dd\u20dd",
    ],
)
def test_combining_marks_that_pile_up_or_stand_on_nothing_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="combining mark"):
        username_of(name)


def test_two_combining_marks_are_fine() -> None:
    assert username_of("q\u0335\u0336abc") == "q\u0335\u0336abc"


def test_spaces_in_a_row_are_one() -> None:
    assert username_of("Anna \u00a0 B") == "Anna B"
    assert username_key("Anna  B") == username_key("anna b")


def test_an_older_name_keeps_its_key() -> None:
    assert older_username_key("Anna\ufe0f  B") == "anna\ufe0f  b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("player1", "playerl"),
        ("Marvin", "Marvi\u0307n"),
        ("marvin", "MARV\u0130N"),
        ("anna", "\u1d00\u0274\u0274\u1d00"),
        ("player1", "playerI"),
        ("bob", "b0b"),
        ("mike", "rnike"),
        ("Anna", "\u0410nna"),
        ("anna", "\u0391\u039d\u039d\u0391"),
        ("inna", "\u0406nna"),
        ("maria", "MAR\u0406A"),
        ("paul", "P\u0410UL"),
        ("\u0442\u0438\u043c\u0443\u0440", "T\u0418\u041c\u0423\u0420"),
        ("nora", "\u039d\u03c3ra"),
        ("Anna", "Anna\ufe0f\u3164"),
        ("Anna", "Anna\u2800"),
        ("Anna", "Anna\u17d2"),
        ("A B", "A  B"),
        ("\u2764x", "\u2764\ufe0fx"),
        ("a-b", "a\u2010b"),
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),
        ("anna", "\u2c81nna"),
        ("alice", "ali\u2ca5\u2c89"),
        ("zoe", "zo\u2c89"),
        ("bob", "b\u25cbb"),
        ("bob", "B\u25efB"),
        ("bob", "b\u26acb"),
        ("bob", "b\u00b0b"),
        ("max", "ma\u2715"),
        ("noel", "\U0001033doe\U00010339"),
        ("lily", "\u2758ily"),
        ("will", "vvill"),
        ("Will", "VVILL"),
        ("anna", "\U0001f1e6nna"),
        ("maria", "\U0001f17c\U0001f170\U0001f1811\U0001f170"),
        ("anna1", "anna\u278a"),
        ("okay", "\U0001f197ay"),
        ("paul", "\ua751aul"),
        ("paul", "pau\u026b"),
        ("S\u00f8ren", "So\u0338ren"),
        ("Gdan\u0142", "Gdanl\u0337"),
    ],
)
def test_names_that_look_the_same_share_a_skeleton(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    "mark",
    [
        *(0x0338, 0x0335, 0x20DD, 0x20E3, 0x20EB, 0x0488, 0x0489, 0x0483, 0x1ABE, 0x302E, 0x3099, 0x064B, 0x0E34),
        *(0x093E, 0x0332, 0x0333, 0x0305, 0x033F, 0x032A, 0x20E9, 0xFE26),
    ],
)
def test_a_mark_that_crosses_or_encloses_a_letter_or_belongs_to_another_script_makes_no_new_name(mark: int) -> None:
    for at in range(1, 5):
        assert alike("anna", f"{'anna'[:at]}{chr(mark)}{'anna'[at:]}")
    assert alike("\u0430\u043d\u043d\u0430", f"\u0430{chr(mark)}\u043d\u043d\u0430") is (mark != 0x0483)
    assert alike("123", f"1{chr(mark)}23")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("S\u00f8ren", "Soren"),
        ("Pawe\u0142", "Pawel"),
        ("\u0111uro", "duro"),
        ("Ren\u00e9", "Rene"),
        ("\u0253ala", "bala"),
        ("\u0404\u0432\u0430", "\u0421\u0432\u0430"),
        ("\u0451\u043b\u043a\u0430", "\u0435\u043b\u043a\u0430"),
        ("\u304c\u304e\u3050", "\u304b\u304d\u304f"),
        ("\u30c9\u30c8\u30ed", "\u30c8\u30c8\u30ed"),
        ("\u0e01\u0e34\u0e19", "\u0e01\u0e19"),
        ("\u05d0\u05b8\u05d1", "\u05d0\u05d1"),
        ("player1", "player2"),
        ("user10", "user11"),
        ("Karl", "Kari"),
        ("Neil", "Nell"),
        ("Ian", "Lan"),
        ("Ivan", "Inan"),
        ("M\u00fcller", "Muller"),
        ("\u0410\u043d\u043d\u0430", "Anna"),
        ("Anna B", "Anna-B"),
        ("a.b", "a_b"),
        (FAMILY, "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    ],
)
def test_names_that_a_reader_tells_apart_do_not(one: str, other: str) -> None:
    assert not alike(one, other)


@pytest.mark.parametrize(
    "name",
    [
        "admin",
        "Admin",
        "ADMIN",
        "\u0430dmin",
        "Adm1n",
        "ADM\u0399\u039d",
        "a.d.m.i.n",
        "_admin_",
        "\u00c1dmin",
        "r00t",
        "adm!n",
        "@dmin",
        "$ystem",
        "mod3rator",
        "\u1d00\u1d05\u1d0d\u026a\u0274",
        "\U0001f170\U0001f173\U0001f17c\U0001f178\U0001f17d",
        "\U0001f1e6\U0001f1e9\U0001f1f2\U0001f1ee\U0001f1f3",
        "a\u0338dmin",
        "\u2c81dmin",
        "r\u25cb\u25cbt",
        "vvebmaster",
        "adm\u0069\u0307n",
        "System",
        "Moderator",
        "mod",
        "Fairboard",
        "fair board",
        "Fairboard Support",
        "The Admin",
        "Support Team",
        "Official-Staff",
    ],
)
def test_a_name_that_speaks_for_the_operator_is_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize(
    "name",
    [
        "Adam",
        "\u2c80\u2c9b\u2c9b\u2c80",
        "Mode",
        "modest",
        "Rooted",
        "systema",
        "Staffan",
        "supporter",
        "Badminton",
        "anna",
        "m@x",
        "$am",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not is_reserved(name)
