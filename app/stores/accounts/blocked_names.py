"""The operator's file of words that no name may have."""

from __future__ import annotations

from pathlib import Path

import structlog

from app.domain.blocked_names import BlockedWords, blocked_words

log = structlog.get_logger("fairboard.accounts")


class BlockedNameFile:
    """Reads the file again whenever it has changed. While it can't be read, the list of before holds."""

    def __init__(self, path: str) -> None:
        """Take the path of the file; an empty one stands for no words."""
        self._path = path
        self._state: tuple[int, int] | None = None
        self._words = BlockedWords()

    def words(self) -> BlockedWords:
        """Return the words as the file has them now."""
        try:
            self.read()
        except (OSError, UnicodeDecodeError) as error:
            log.error("blocked_names_unreadable", path=self._path, error=str(error))
        return self._words

    def read(self) -> None:
        """Read the file if it has changed. Raises OSError or UnicodeDecodeError."""
        if not self._path:
            return
        status = Path(self._path).stat()
        state = status.st_mtime_ns, status.st_size
        if state != self._state:
            self._words, self._state = blocked_words(Path(self._path).read_text("utf-8-sig")), state
