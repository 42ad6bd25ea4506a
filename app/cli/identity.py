"""Who acts on the command line, and by what their acts are found again."""

from __future__ import annotations

import getpass
import os
from uuid import uuid4

from app.domain import actors


def operator() -> str:
    """The account on this machine, as the audit log names it; its number where it has no name."""
    try:
        return actors.operator(getpass.getuser())
    except (KeyError, OSError):
        return actors.operator(str(os.getuid()))


def request_id() -> str:
    """What the log lines of this command and of everything that follows from it have in common."""
    return f"cli-{uuid4()}"
