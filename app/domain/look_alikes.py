"""Usernames that look the same, by skeletons of Unicode's UTS 39, and names that speak for the operator."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from app.domain.invisible import BLANK, STACKERS, without_ignorable

_CONFUSABLES = Path(__file__).parent / "unicode" / "confusables.txt"
_INVISIBLE = BLANK | STACKERS
_SPACES = re.compile(r"\s+")
_DOT_ABOVE = re.compile("([ijIJ\u0131\u0237])\u0307+")  # a letter that has or gets a dot anyway: one more is invisible
_LETTER_SHAPE = re.compile(
    r"(?:LATIN LETTER SMALL CAPITAL|(?:NEGATIVE )?(?:SQUARED|CIRCLED) LATIN CAPITAL LETTER) ([A-Z])"
)
_SIGNS = str.maketrans("@4!|3$57+", "aaiiesstt")  # signs and digits that are read as letters, where a letter is missing
_RESERVED = (
    *("admin", "admins", "administrator", "administrators", "administration", "sysadmin", "superadmin", "superuser"),
    *("root", "system", "moderator", "moderators", "moderation", "mod", "mods", "support", "helpdesk", "staff"),
    *("official", "operator", "security", "webmaster", "postmaster", "fairboard"),
)


def skeletons(username: str) -> tuple[str, str]:
    """Return the two texts that look-alikes share: names are alike when either is equal.

    `written` compares the names as they are shown, without regard to case. `capitals` compares them in capitals, where
    `i` looks like `l` and `1`. One text alone would either miss `mar1a` for `Maria`, or forbid Karl beside Kari.
    """
    return f"written:{_written(username)}", f"capitals:{skeleton(username.upper())}"


def skeleton(text: str) -> str:
    """Return UTS 39's skeleton: equal for two texts that look the same. Invisible characters are left out."""
    characters = without_ignorable(unicodedata.normalize("NFD", text))
    visible = "".join(_plain(character) for character in characters if character not in _INVISIBLE)
    visible = _DOT_ABOVE.sub(r"\1", visible)
    return unicodedata.normalize("NFD", _SPACES.sub(" ", visible).strip().translate(_prototypes()))


def _plain(character: str) -> str:
    """Return the letter that a small capital, or a letter in a box, shows; any other character as it is."""
    if character.isascii():
        return character
    shape = _LETTER_SHAPE.fullmatch(unicodedata.name(character, ""))
    return shape[1].lower() if shape else character


def is_reserved(username: str) -> bool:
    """Return whether the name seems to speak for the operator, such as `Admin`, `fair-board` or `Support Team`."""
    spellings = (username, username.translate(_SIGNS))
    return any(_reserved_names().fullmatch(_letters(spelling)) for spelling in spellings)


def _written(username: str) -> str:
    """Fold the skeleton, except for L: the skeleton of I is l, and Ian is not Lan."""
    return skeleton("".join(letter if letter == "L" else letter.casefold() for letter in skeleton(username)))


def _letters(text: str) -> str:
    """Reduce to letters and digits by look, with i and l the same."""
    return "".join(letter for letter in _written(text) if letter.isalnum()).translate(str.maketrans("iL", "ll"))


@cache
def _reserved_names() -> re.Pattern[str]:
    words = "|".join(re.escape(_letters(word)) for word in _RESERVED)
    return re.compile(f"(?:{_letters('the')})?(?:{words})+(?:{_letters('team')})?")


@cache
def _prototypes() -> dict[int, str]:
    """Read Unicode's table: 0.5 MB in memory, only in processes that make accounts."""
    table = {}
    for line in _CONFUSABLES.read_text("utf-8-sig").splitlines():
        source, _, rest = line.partition(" ;\t")
        if rest:
            table[int(source, 16)] = "".join(chr(int(code, 16)) for code in rest.partition(" ;")[0].split())
    return table
