"""Characters that a reader does not see, and the few of them that a name needs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

# Unicode's Default_Ignorable_Code_Point: the property is stable, new characters come from its reserved ranges.
_IGNORABLE = (
    *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
)
_IGNORABLE_CHARACTERS = frozenset(map(chr, _IGNORABLE))
_IGNORABLE_PLANE = range(0xE0000, 0xE1000)

BLANK = frozenset("\u2800\u303f\ufffc\U00013441\U00013442\U00016fe4\U0001d159")
"""Letters and symbols whose glyph is empty, although no property says so."""

STACKERS = frozenset(
    "\u1039\u17d2\u1a60\u2d7f\uaaf6\U00010a3f\U0001107f\U00011133\U000113d0\U0001193e\U00011a47\U00011a99\U00011d45"
    "\U00011d97\U00011f42"
)
"""Marks that only stack letters of their scripts, and have no glyph of their own."""

_JOINER, _NON_JOINER, _EMOJI_STYLE, _KEYCAP = "\u200d", "\u200c", "\ufe0f", "\u20e3"
_VIRAMA_CLASS = 9
_FLAGS = tuple(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)


def is_ignorable(character: str) -> bool:
    """Return whether Unicode calls the character default-ignorable: a reader sees nothing in its place."""
    return character in _IGNORABLE_CHARACTERS or ord(character) in _IGNORABLE_PLANE


def without_ignorable(text: str) -> str:
    """Return the text without default-ignorable characters."""
    return text if text.isascii() else "".join(character for character in text if not is_ignorable(character))


def without_needless(text: str) -> tuple[str, str]:
    """Return the text without ignorable letters and marks that change nothing, and its visible part.

    The first keeps the joiners and the variation selector that emoji and some scripts need. The visible part has none
    of those, and still has the control characters that no name may have.
    """
    needed, visible = [], []
    for character, is_needed in _marked(text):
        if is_needed or not is_ignorable(character) or not character.isprintable():
            needed.append(character)
        if not is_needed and (not is_ignorable(character) or not character.isprintable()):
            visible.append(character)
    return "".join(needed), "".join(visible)


def _marked(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character, and whether it is ignorable but needed in its place."""
    tags = {
        at + offset
        for flag in _FLAGS
        for at in range(len(text))
        if text.startswith(flag, at)
        for offset in range(1, len(flag))
    }
    for index, character in enumerate(text):
        before, after = text[:index], text[index + 1 :]
        yield character, index in tags or (is_ignorable(character) and _is_needed(character, before, after))


def _is_needed(character: str, before: str, after: str) -> bool:
    if not before:
        return False
    if character == _EMOJI_STYLE:
        return unicodedata.category(before[-1]).startswith("S") or before[-1] == "\u3030" or after[:1] == _KEYCAP
    if character not in (_JOINER, _NON_JOINER) or not after:
        return False
    if unicodedata.combining(before[-1]) == _VIRAMA_CLASS:
        return True  # conjuncts of Sinhala, Malayalam, Hindi, …
    if character == _NON_JOINER:
        return _is_arabic(before[-1]) and _is_arabic(after[0])  # Persian compounds
    return _is_pictograph(before.rstrip(_EMOJI_STYLE)[-1:]) and unicodedata.category(after[0]) == "So"


def _is_arabic(character: str) -> bool:
    return unicodedata.bidirectional(character) == "AL"


def _is_pictograph(character: str) -> bool:
    """Return whether an emoji may end with the character: a symbol, or the skin tone after one."""
    return bool(character) and unicodedata.category(character) in ("So", "Sk")
