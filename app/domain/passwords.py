"""The rules for passwords: long enough, and none of the passwords that are guessed first."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from app.domain.accounts import username_key

PASSWORD_LENGTH = (8, 256)
_OWN_NAMES = ("fairboard", "leaderboard")
_LEET = str.maketrans("@4305$7", "aaeosst")
_RUNS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "!@#$%^&*()_+",
)
_ACCENTS = re.compile("(?<=[a-z])[\u0300-\u036f]+")  # in NFD; marks of other scripts are letters of their own
_AROUND = re.compile(r"^\W+|\W+$|\s")
_SHORTEST_WORD = 5  # characters; digits and signs around so few are most of the password
_MOST_AROUND = 8  # characters; more digits and signs around a word take more guesses than an attacker has
_LONGEST_UNIT = 4  # characters; any repetition of so few is trivial
_LONGEST_TRIVIAL = 64  # characters; a longer repetition takes more guesses than an attacker has
_LEAST_TRIVIAL = 7  # characters; so many repeat a few by no accident
_MOST_ENDS = 2  # characters; so few before or behind a trivial text leave it trivial

_COMMON = "is too common and easy to guess; choose another one, for example several words"
_TRIVIAL = "repeats or counts up a few characters and is easy to guess; choose another one, for example several words"
_NAMED = "must not be made of the username or of this site's name; choose another one, for example several words"


def normalized_password(text: str) -> str:
    """Return the password as it is hashed: NFC, so that every keyboard's way to write é is the same."""
    return unicodedata.normalize("NFC", text)


def check_password(text: str, username: str = "") -> str:
    """Return the password, NFC-normalised. Raises ValueError with the rule that it breaks and a remedy."""
    password = normalized_password(text)
    if not PASSWORD_LENGTH[0] <= len(password) <= PASSWORD_LENGTH[1]:
        raise ValueError(f"must have {PASSWORD_LENGTH[0]} to {PASSWORD_LENGTH[1]} characters")
    if weakness := _weakness(_folded(password), _folded(username)):
        raise ValueError(weakness)
    return password


def _folded(text: str) -> str:
    """Return the text without what attackers leave out or vary: case, invisible characters, accents."""
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", username_key(text))))


def _weakness(password: str, username: str) -> str | None:
    """Return why a folded password is easy to guess; None if it isn't."""
    plain = password.translate(_LEET)
    whole = {password, plain, _compact(password), _compact(plain)}
    cores = {_core(password), _core(plain)}
    repeated = {unit for text in whole | cores if (unit := _unit(text)) != text}
    repeated |= {_core(unit) for unit in repeated}
    parts = whole | cores | repeated
    names = {username, _core(username), _without_signs(username), *_OWN_NAMES} - {""}
    if not parts.isdisjoint(names | {name[::-1] for name in names}):
        return _NAMED
    near_cores = {core for core in cores if len(password) - len(core) <= _MOST_AROUND}
    if not ((near_cores | repeated).isdisjoint(short_passwords()) and common_passwords().isdisjoint(parts)):
        return _COMMON
    runs = {
        password,
        _bare(password),
        _unspaced(password),
        *(core for core in near_cores if len(core) >= _SHORTEST_WORD),
    }
    if len(password) <= _LONGEST_TRIVIAL and any(map(_is_trivial, runs)):
        return _TRIVIAL
    return None


def _bare(text: str) -> str:
    """Leave out spaces, and punctuation at both ends, where enough for a password remains."""
    bare = _AROUND.sub("", text)
    return bare if len(bare) >= PASSWORD_LENGTH[0] else text


def _compact(text: str) -> str:
    """Leave out spaces and punctuation, where a word that is long enough for a password remains."""
    compact = _without_signs(text)
    return compact if len(compact) >= PASSWORD_LENGTH[0] and not compact.isdigit() else text


def _unspaced(text: str) -> str:
    """Leave out the sign that separates each character of a text from the next, such as the dashes of 1-2-3-4."""
    return text[::2] if len(set(text[1::2])) == 1 and not text[1].isalnum() else text


def _without_signs(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _core(text: str) -> str:
    """Strip digits, punctuation and spaces from both ends; return the text itself if nothing would be left."""
    letters = [index for index, character in enumerate(text) if character.isalpha()]
    return text[letters[0] : letters[-1] + 1] if letters else text


def _unit(text: str) -> str:
    """Return the shortest part that makes up the text when it is repeated, the last time perhaps cut short."""
    for length in range(1, (len(text) + 1) // 2 + 1):
        if text[length:] == text[:-length]:
            return text[:length]
    return text


def _is_trivial(text: str) -> bool:
    """Return whether a text, but for its ends, repeats a few characters, or is a run."""
    parts = {part for cut in range(_MOST_ENDS + 1) for part in (text[cut:], text[: len(text) - cut])}
    least = min(_LEAST_TRIVIAL, len(text))
    return any(len(part) >= least and len(_unit(part)) <= _LONGEST_UNIT for part in parts) or _is_run(text)


def _is_run(text: str) -> bool:
    """Return whether the text runs along the keyboard, any script's alphabet or the digits, in either direction."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({1}, {-1}) or any(text in run or text[::-1] in run for run in _RUNS)


def common_passwords() -> frozenset[str]:
    """Return zxcvbn's passwords, names and words, as far as they are long enough for a password."""
    return _load_lists()[0]


def short_passwords() -> frozenset[str]:
    """Return zxcvbn's passwords that become long enough by a few digits or signs, or twice, such as letmein!."""
    return _load_lists()[1]


@cache
def _load_lists() -> tuple[frozenset[str], frozenset[str]]:
    """Load the lists, for `common_passwords` and for `short_passwords`.

    The package itself is not imported: that builds matchers and takes 19 MB and 0.2 s, the lists alone 8 MB and 0.1 s.
    """
    package = find_spec("zxcvbn")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("zxcvbn is not installed")
    file = Path(package.submodule_search_locations[0], "frequency_lists.py")
    loader = SourceFileLoader("fairboard_common_passwords", str(file))
    lists = ModuleType(loader.name)
    loader.exec_module(lists)
    least = PASSWORD_LENGTH[0]
    words = (word for word_list in lists.FREQUENCY_LISTS.values() for word in word_list)
    short = (word for word in lists.FREQUENCY_LISTS["passwords"] if _SHORTEST_WORD <= len(word) < least)
    return frozenset(word for word in words if len(word) >= least), frozenset(short)
