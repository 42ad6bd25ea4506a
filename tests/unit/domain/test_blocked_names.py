"""Blocked words: how a list is read, and which names it blocks."""

from __future__ import annotations

import pytest

from app.domain.blocked_names import blocked_words

LIST = "\n# a comment\n  badword  \n=ass\n\n====\n#=x\n"


@pytest.mark.parametrize(
    "name", ["badword", "BadWord", "xX_B4d-W0rd_Xx", "b a d w o r d", "b\u0430dword", "ass", "A$$", "[a.s.s]"]
)
def test_a_word_is_found_in_every_spelling(name: str) -> None:
    assert blocked_words(LIST).block(name)


@pytest.mark.parametrize("name", ["Anna", "assen", "bad", "word", "a comment", "x", "===="])
def test_other_names_are_free(name: str) -> None:
    assert not blocked_words(LIST).block(name)


@pytest.mark.parametrize("text", ["", "\n", "# badword", "..."])
def test_a_list_without_words_blocks_nothing(text: str) -> None:
    assert not blocked_words(text).block("badword")
