"""The settings that a person gives with a command, apart from those that a run made and wrote to its `env` file.

In a terminal that has loaded that file (`set -a; . var/env`), the next `make run` would otherwise look for the servers
of the last run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from app.settings import Settings

MARKER = "FAIRBOARD_MADE"
"""The variable of an `env` file that marks the settings made by the run itself."""

_NAMES = tuple(name.upper() for name in Settings.model_fields)


def marker_value(settings: Mapping[str, str]) -> str:
    """Return the value of `MARKER` for settings that a run made itself; no secret can be read from it."""
    return ",".join(_digest(name, value) for name, value in sorted(settings.items()))


def user_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings in an environment that a person gave, by their names."""
    digests = environ.get(MARKER, "").split(",")
    values = {name: environ[name] for name in _NAMES if environ.get(name, "").strip()}
    return {name: value for name, value in values.items() if _digest(name, value) not in digests}


def _digest(name: str, value: str) -> str:
    return hashlib.sha256(f"{name}={value}".encode(errors="surrogateescape")).hexdigest()[:16]
