"""Usernames that look the same, by skeletons of Unicode's UTS 39, and names that speak for the operator."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from app.domain.invisible import BLANK, STACKERS, without_ignorable

_TABLES = tuple(Path(__file__).parent / "unicode" / name for name in ("confusables.txt", "look_alikes.txt"))
_INVISIBLE = BLANK | STACKERS
_SPACES = re.compile(r"\s+")
_DOT_ABOVE = re.compile("([ijIJ\u0131\u0237])\u0307+")  # a letter that has or gets a dot anyway: one more is invisible
# Names of characters that show a Latin letter, a digit or a word in another shape.
_SHAPE = re.compile(
    r"LATIN LETTER SMALL CAPITAL ([A-Z])"
    r"|LATIN (?:SMALL|CAPITAL) LETTER (?:ANGLICANA|BLACKLETTER|BROKEN|INSULAR|SCRIPT|STIRRUP|VISIGOTHIC) ([A-Z])"
    r"|(?:CROSSED )?(?:NEGATIVE )?(?:SQUARED|CIRCLED) LATIN (?:SMALL|CAPITAL) LETTER ([A-Z])"
    r"|REGIONAL INDICATOR SYMBOL LETTER ([A-Z])"
    r"|(?:NEGATIVE )?SQUARED (AB|CL|COOL|FREE|IC|ID|NEW|NG|OK|PA|SA|SOS|VS|WC)"
    r"|(?:DINGBAT )?(?:NEGATIVE |DOUBLE )?CIRCLED (?:SANS-SERIF )?DIGIT ([A-Z]+)"
)
_PHONETIC = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER ([A-Z]) WITH .+")
_FIRST_PHONETIC = "\u0250"  # letters of which neither form is before this one are for phonetics and manuscripts
_DIACRITICS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_OVERLAY_CLASS = 1
_LINE = re.compile("LOW LINE|OVERLINE|BRIDGE|CONJOINING")  # marks that make one line along a name
_STROKED = "\u00f8\u0111\u0127\u0142\u0167"  # letters of living alphabets that may be written with an overlay mark
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
    letters = _plain(username)
    return f"written:{_written(letters)}", f"capitals:{skeleton(letters.upper())}"


def _plain(username: str) -> str:
    """Return the name in NFD with plain letters for letters in other shapes, without marks that belong to no letter."""
    if username.isascii():
        return username
    base, characters = "", []
    for character in without_ignorable(unicodedata.normalize("NFD", username)):
        if not unicodedata.category(character).startswith("M"):
            base = character
        elif not _belongs(character, base):
            continue
        characters.append(_letter_shown(character))
    return "".join(characters)


def _belongs(mark: str, base: str) -> bool:
    """Return whether the mark makes another letter of its base, as an accent does, rather than decorate or cross it."""
    script = unicodedata.name(base, "").partition(" ")[0]
    if unicodedata.category(mark) == "Me" or _LINE.search(unicodedata.name(mark, "")):
        return False
    if script in unicodedata.name(mark, ""):
        return True
    if unicodedata.combining(mark) == _OVERLAY_CLASS:
        return skeleton(base + mark) in _stroked() and (base == "l" or skeleton(base) != "l")  # 1 and I make no ł
    return _DIACRITICS.match(mark) is not None


@cache
def _stroked() -> frozenset[str]:
    return frozenset(skeleton(letter) for letter in _STROKED + _STROKED.upper())


def _letter_shown(character: str) -> str:
    """Return the letter, digit or word that a character shows: a letter of phonetics shows that which it is made of."""
    letter = _PHONETIC.fullmatch(unicodedata.name(character, ""))
    if letter and min(character, character.lower(), character.upper()) >= _FIRST_PHONETIC:
        return letter[1] if character.isupper() else letter[1].lower()
    return _shape_shown(character)


def _shape_shown(character: str) -> str:
    """Return the letter, digit or word that a character in another shape shows; any other character as it is."""
    name = unicodedata.name(character, "")
    shape = _SHAPE.fullmatch(name)
    if shape is None:
        return character
    text = next(filter(None, shape.groups()))
    return unicodedata.lookup(f"DIGIT {text}") if "DIGIT" in name else text.lower()


def skeleton(text: str) -> str:
    """Return UTS 39's skeleton: equal for two texts that look the same. Invisible characters are left out."""
    characters = without_ignorable(unicodedata.normalize("NFD", text))
    visible = "".join(character for character in characters if character not in _INVISIBLE)
    visible = _DOT_ABOVE.sub(r"\1", visible)
    return unicodedata.normalize("NFD", _SPACES.sub(" ", visible).strip().translate(_prototypes()))


def is_reserved(username: str) -> bool:
    """Return whether the name seems to speak for the operator, such as `Admin`, `fair-board` or `Support Team`."""
    return any(map(_reserved_names().fullmatch, spellings_by_look(username)))


def spellings_by_look(text: str) -> tuple[str, str]:
    """Return the letters and digits by look, and the same with signs and digits such as `4` read as letters."""
    return letters_by_look(text), letters_by_look(text.translate(_SIGNS))


def _written(letters: str) -> str:
    """Fold the skeleton, except for L: the skeleton of I is l, and Ian is not Lan."""
    return skeleton("".join(letter if letter == "L" else letter.casefold() for letter in skeleton(letters)))


def letters_by_look(text: str) -> str:
    """Reduce to letters and digits by look, with i and l the same."""
    return "".join(letter for letter in _written(_plain(text)) if letter.isalnum()).translate(str.maketrans("iL", "ll"))


@cache
def _reserved_names() -> re.Pattern[str]:
    words = "|".join(re.escape(letters_by_look(word)) for word in _RESERVED)
    return re.compile(f"(?:{letters_by_look('the')})?(?:{words})+(?:{letters_by_look('team')})?")


@cache
def _prototypes() -> dict[int, str]:
    """Read Unicode's table and ours: 0.5 MB in memory, only in processes that make accounts."""
    table = {}
    for line in [line for file in _TABLES for line in file.read_text("utf-8-sig").splitlines()]:
        source, _, rest = line.partition(" ;\t")
        if rest:
            prototype = (chr(int(code, 16)) for code in rest.partition(" ;")[0].split())
            table[int(source, 16)] = "".join(map(_shape_shown, prototype))
    for _ in range(2):  # a prototype of Unicode's may be a source of ours, and the other way round
        table = {source: prototype.translate(table) for source, prototype in table.items()}
    return table
