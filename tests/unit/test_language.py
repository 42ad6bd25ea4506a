"""The language of the code, as shares of its names and words: names are nouns, and a sentence says its subject.

ruff holds that docstrings open with an imperative verb (D401), codespell the spelling.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILLERS = """
    another asked done each found given gone got heard held here it kept known left lost made meant one other others
    put said same seen sent shown some such taken that them then there these they thing things this those told tried
    wanted what whatever which who whoever whom whose
"""
NO_NOUNS = "and or but of for to by at on with than is are not as see if says tells knows decides"
_PRONOUN = re.compile(r"\b(what|whatever|whoever|whom|who)\b", re.IGNORECASE)
_NOUN_BEFORE = re.compile(r"[A-Za-z`')]+,? $")


def _names(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _prose(source: str, nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def _pronouns(text: str) -> list[str]:
    """Return each *who* and *what* of a text that has no noun in front of it; *what* never has one."""
    return [
        match[0]
        for match in _PRONOUN.finditer(text)
        if match[0].lower() not in ("who", "whom") or not _follows_noun(text[: match.start()])
    ]


def _follows_noun(text: str) -> bool:
    before = _NOUN_BEFORE.search(" ".join(text.split()) + " ")
    return before is not None and before[0].strip(", ").lower() not in NO_NOUNS.split()


def _sources(folders: tuple[str, ...]) -> list[tuple[str, list[ast.AST]]]:
    paths = chain.from_iterable((ROOT / folder).rglob("*.py") for folder in folders)
    return [(source, [*ast.walk(ast.parse(source))]) for source in (path.read_text() for path in paths)]


@pytest.mark.parametrize(
    ("folders", "most_fillers", "most_pronouns", "most_any"),
    [
        (("app", "workers", "anticheat"), 0.005, 0.001, 0.008),
        (("bench", "clients", "deploy", "devstack", "tests"), 0.01, 0.002, 1),
    ],
    ids=["product", "tools"],
)
def test_names_and_sentences_are_plain(
    folders: tuple[str, ...], most_fillers: float, most_pronouns: float, most_any: float
) -> None:
    sources = _sources(folders)
    names = [name.strip("_") for _, nodes in sources for name in _names(nodes)]
    fillers = set(FILLERS.split())
    filler_names = [name for name in names if name in fillers]
    assert len(filler_names) <= most_fillers * len(names), sorted(filler_names)
    texts = [text for source, nodes in sources for text in _prose(source, nodes)]
    pronouns = [(word, text) for text in texts for word in _pronouns(text)]
    assert len(pronouns) <= most_pronouns * sum(len(text.split()) for text in texts), pronouns
    uses = sum(isinstance(node, ast.Name) and node.id == "Any" for _, nodes in sources for node in nodes)
    assert uses <= most_any * sum(source.count("\n") for source, _ in sources)


@pytest.mark.parametrize(
    ("text", "pronouns"),
    [
        ("Return the players who wait.", []),
        ("Ask for who waits.", ["who"]),
        ("A client, who waits", []),
        ("What ends is started again.", ["What"]),
    ],
)
def test_a_pronoun_needs_its_noun(text: str, pronouns: list[str]) -> None:
    assert _pronouns(text) == pronouns
