"""An action token that a server of version 0.1.0 made: its payload is a list."""

from __future__ import annotations

from app.domain.action_token import Promise
from app.setting_types import SecretKey

KEY = SecretKey("k1", "a secret of some length")
PROMISE = Promise(
    "0b0e6f5c-7c0a-4d4e-9a53-0a1d3f6f4a11",
    "5d2f6c1e-3f43-4c8b-8d56-9f0c2b7a1e22",
    "tap",
    1,
    1,
    "main",
    1,
    1,
    1_764_000_000_000,
    4_102_444_800_000,
)
TOKEN = (
    "k1.WyIwYjBlNmY1Yy03YzBhLTRkNGUtOWE1My0wYTFkM2Y2ZjRhMTEiLCI1ZDJmNmMxZS0zZjQzLTRjOGItOGQ1Ni05ZjBjMmI3Y"
    "TFlMjIiLCJ0YXAiLDEsMSwibWFpbiIsMSwxLDE3NjQwMDAwMDAwMDAsNDEwMjQ0NDgwMDAwMF0.CD1joP51qZ7ROqpxtfpJA58Ip"
    "rQ2BiTzzaop5Esghd8"
)
DIGEST = "80d46c43a7f58c1f1fce9b921a8d3cb5"
"""The digest that the old server stored in Redis when it issued the action."""
