"""The files in which `make run` and `make cluster` leave the settings of the servers that they started."""

from __future__ import annotations

import shlex
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_NAMES = ("var/env", "var/cluster/env")


def how_to_load(root: Path = _ROOT) -> str:
    """Return the commands, quoted, that load these settings in a terminal; empty where nothing was started.

    `root` is the project's folder.
    """
    names = [name for name in _NAMES if (root / name).exists()]
    return " or ".join(f"'set -a; . {_path_to_type(root, name)}; set +a'" for name in names)


def _path_to_type(root: Path, name: str) -> str:
    return name if Path.cwd() == root else shlex.quote(str(root / name))
