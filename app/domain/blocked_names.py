"""An operator's list of words that no player's name may have."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.domain.look_alikes import spellings_by_look

_WHOLE = "="
_COMMENT = "#"


@dataclass(frozen=True, slots=True)
class BlockedWords:
    """Words by their look: `contained` anywhere in a name, `whole` as the entire name."""

    contained: re.Pattern[str] | None = None
    whole: frozenset[str] = frozenset()

    def block(self, username: str) -> bool:
        """Return whether the name has one of the words, whatever its case, spaces, punctuation and look-alikes."""
        spellings = spellings_by_look(username)
        if not self.whole.isdisjoint(spellings):
            return True
        return self.contained is not None and any(map(self.contained.search, spellings))


def blocked_words(text: str) -> BlockedWords:
    """Read a list: one word a line, `=word` for one that is blocked only as the entire name, `#` before a comment."""
    lines = [line.strip() for line in text.splitlines()]
    words = [line for line in lines if line and not line.startswith(_COMMENT)]
    whole = {key for word in words if word.startswith(_WHOLE) for key in spellings_by_look(word.removeprefix(_WHOLE))}
    contained = {key for word in words if not word.startswith(_WHOLE) for key in spellings_by_look(word)}
    parts = "|".join(map(re.escape, sorted(contained - {""})))
    return BlockedWords(re.compile(parts) if parts else None, frozenset(whole - {""}))
