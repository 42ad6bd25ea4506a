"""The rules for usernames, and the keys by which two usernames are the same."""

from __future__ import annotations

import re
import unicodedata

from app.domain.invisible import BLANK, without_ignorable, without_needless

USERNAME_LENGTH = (3, 32)
_MOST_MARKS = 2  # nonspacing marks in a row; more of them pile up over the neighbouring lines
_MOST_SPACING_MARKS = 4  # with vowel signs that take up space of their own, as in Burmese names
_NUKTA_CLASS = 7  # the dot that turns one letter into another; normalisation splits it off from some letters
_SUBJOINED = range(0x0F8D, 0x0FBD)  # Tibetan consonants below others are letters, although Unicode calls them marks
_REPLACEMENT = "\ufffd"  # stands for a character that was lost
_SPACES = re.compile(" {2,}")


def username_of(text: str) -> str:
    """Return the username as it is stored. Raises ValueError with the rule that it breaks.

    It is NFKC-normalised, several spaces in a row become one, and invisible letters and marks are removed, except
    where emoji or a script need them. The length counts visible characters.
    """
    needed, visible = without_needless(_nfkc(text))
    name = _SPACES.sub(" ", _nfkc(needed))
    visible = _SPACES.sub(" ", _nfkc(visible))
    if name != name.strip():
        raise ValueError("must not begin or end with a space")
    if not USERNAME_LENGTH[0] <= len(visible) <= USERNAME_LENGTH[1]:
        raise ValueError(f"must have {USERNAME_LENGTH[0]} to {USERNAME_LENGTH[1]} characters")
    if not visible.isprintable() or _REPLACEMENT in visible:
        raise ValueError("must have printable characters only")
    if not BLANK.isdisjoint(visible):
        raise ValueError("must have visible characters only")
    _check_marks(visible)
    return name


def username_key(name: str) -> str:
    """Return the key for sign-in, unique among players: NFKC and case folded, nothing invisible, spaces as one."""
    return _SPACES.sub(" ", _nfkc(without_ignorable(_nfkc(name)).casefold()))


def older_username_key(name: str) -> str:
    """Return the key of a name that was registered when invisible characters and repeated spaces still counted."""
    return _nfkc(_nfkc(name).casefold())


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _check_marks(name: str) -> None:
    """Raise ValueError for combining marks without a letter before them, or too many in a row.

    Marks that normalisation merged into the letter before count as well, unless it could merge all of them.
    """
    run = nonspacing = 0
    for index, character in enumerate(name):
        if not _is_mark(character):
            run = nonspacing = 0
            continue
        if index == 0 or name[index - 1] == " ":
            raise ValueError("must have a letter or a sign before each combining mark")
        if run == 0:
            nonspacing = sum(map(_is_nonspacing, unicodedata.normalize("NFD", name[index - 1])))
        run += 1
        nonspacing += _is_nonspacing(character)
        if nonspacing > _MOST_MARKS or run > _MOST_SPACING_MARKS:
            raise ValueError(f"must have at most {_MOST_MARKS} combining marks in a row")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") and ord(character) not in _SUBJOINED


def _is_nonspacing(character: str) -> bool:
    """Return whether the mark takes up no space of its own, and is not the dot that belongs to a letter."""
    return unicodedata.category(character) in ("Mn", "Me") and unicodedata.combining(character) != _NUKTA_CLASS
