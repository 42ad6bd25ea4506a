"""Passwords that attackers guess first are refused, in any case and with any tail; several words are welcome."""

from __future__ import annotations

import unicodedata

import pytest

from app.domain.passwords import check_password


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord",
        "p@ssw0rd",
        "P@ssw0rd1",
        "password123",
        "qwerty123",
        "iloveyou",
        "jennifer",
        "letmein!",
        "Summer2026",
        "monkey!!1234",
        "trustno1",
        "\uff30assword",
        "passwordpassword",
        "football1",
        " password",
        "password ",
        "  p@ssw0rd\t",
        "password!!",
        "password 1",
        "pass word",
        "p a s s w o r d",
        "password password password",
        "jennifer,jennifer",
        "iloveyou iloveyou1",
        "jennifer99",
        "I love you",
        "letmein letmein",
        "adminadmin",
        "dragon-dragon1",
        "contrase\u00f1a",
        "pass\u0301w\u00f6rd",
    ],
)
def test_a_common_password_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="too common and easy to guess; choose another one, for example several words"):
        check_password(password, "anna")


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaa",
        "        ",
        "abcdabcd",
        "abcabcab",
        "12345678",
        "87654321",
        "1234567890",
        "abcdefgh",
        "asdfghjk",
        "1qaz2wsx",
        "12345678 ",
        "12345678!",
        "1 2 3 4 5 6 7 8",
        "!@#$%^&*",
        "\u0430\u0431\u0432\u0433\u0434\u0435\u0436\u0437",
        "abcdefgh1",
        "1abcdefgh",
        "HGFEDCBA1!",
        "ABABABAB1",
        "!!qwertyui2026",
        "\u0439\u0446\u0443\u043a\u0435\u043d\u0433\u0448",
        "qwertzuiopa",
        "azertyuiopq",
        "bvcxwmlk",
        "111111112",
        "aaaaaaaab",
        "baaaaaaaa",
        "abababac",
        "1111111129",
        "1-2-3-4-5-6-7-8",
        "a.b.c.d.e.f.g.h",
    ],
)
def test_a_trivial_one_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"choose another one"):
        check_password(password, "anna")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("anna-maria", "anna-maria"),
        ("anna-maria", "ANNA-Maria"),
        ("anna-maria", "airam-anna"),
        ("anna", "anna2024!"),
        ("anna", "1234anna"),
        ("anna", "annaanna"),
        ("annabel7", "annabel9"),
        ("\uff21nna-maria", "anna-maria"),
        ("ben", "Fairboard1"),
        ("ben", "f4irb0ard"),
        ("ben", "leaderboard!"),
        ("anna-maria", " anna-maria "),
        ("annamaria", "anna maria"),
        ("Mario Rossi551", "mariorossi551"),
        ("Mario Rossi551", "Mario_Rossi551"),
        ("Z\u00fcrich77", "zurich77"),
        ("Zurich77", "z\u00fcrich77"),
        ("Z\u00f6e", "zoezoezoe"),
    ],
)
def test_the_username_and_the_sites_name_are_refused(username: str, password: str) -> None:
    with pytest.raises(ValueError, match="made of the username or of this site's name"):
        check_password(password, username)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "correct horse battery staple",
        "secret-password-1",
        "a good password",
        "x" * 256,
        "\u00e9" * 256,
        "spaces   and \t tabs",
        "annas long password",
        "1@2#3$4%",
        "1234-5678-9",
        "7364529187364monkey92837465",
        ";:]){+=-_?!<",
        "basketball is fun",
        "\U0001f600\U0001f981\U0001f604\U0001f33b\U0001f606\U0001f605\U0001f923\U0001f602",
        "Tr0ub4dor&3",
        "anna-maria-2",
    ],
)
def test_other_passwords_are_welcome(password: str) -> None:
    assert check_password(password, "anna") == password


def test_characters_are_counted_after_normalisation() -> None:
    decomposed = unicodedata.normalize("NFD", "\u00e9\u00e8\u00ea\u00eb")
    assert len(decomposed) == 8
    with pytest.raises(ValueError, match="8 to 256 characters"):
        check_password(decomposed)
    assert (
        check_password(unicodedata.normalize("NFD", "\u00e9t\u00e9 \u00e0 No\u00ebl"))
        == "\u00e9t\u00e9 \u00e0 No\u00ebl"
    )
