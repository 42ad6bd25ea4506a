"""Scores that a game's server submits, each under a key that makes it count once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.player_names import PlayerName
from app.errors import InvalidRequest

MOST_SCORES = 1000
"""The scores of one batch."""


@dataclass(frozen=True, slots=True)
class Score:
    """A result of a player; `metadata` is the text of a JSON object."""

    player: PlayerName
    action_type: str
    result: int | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class Submission:
    """One score under its key: the score, or why its fields make none. A retry must have the same `fingerprint`."""

    key: str
    fingerprint: str
    score: Score | InvalidRequest


def fingerprint(fields: Mapping[str, object]) -> str:
    """Return the digest of all fields as they were sent, in any order."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
