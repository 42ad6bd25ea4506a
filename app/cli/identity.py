"""The operator of a command, and the id by which its acts are found again."""

from __future__ import annotations

import getpass
import os
from uuid import uuid4

from app.domain import actors


def operator() -> str:
    """Return the account on this machine, as the audit log names it; its number where it has no name."""
    try:
        return actors.operator(getpass.getuser())
    except (KeyError, OSError):
        return actors.operator(str(os.getuid()))


def request_id() -> str:
    """Return a new id for the log lines of this command and of everything that follows from it."""
    return f"cli-{uuid4()}"
