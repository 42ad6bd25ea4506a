"""Variables of the environment that no process of ours reads, but a library would."""

from __future__ import annotations

import os
import sys

# Variables of libraries that would override a setting in one process and not in the next, or change the output of a
# PostgreSQL session. Variables that only fill gaps in DATABASE_URL, such as PGPASSFILE and PGSSLROOTCERT, may stay.
_OVERRIDING = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER_READ_URL",
    "CELERY_BROKER_WRITE_URL",
    "CELERY_RESULT_BACKEND",
    "FLASK_DEBUG",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGGEQO",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGTARGETSESSIONATTRS",
    "PGTZ",
    "PSYCOPG_IMPL",
    "PYDANTIC_SETTINGS_DEBUG",  # it would log the secrets
    "PYTHONSAFEPATH",  # it would keep a child process from finding the project
)


def drop_overriding_variables() -> None:
    """Remove variables that would override a setting from the environment. Call it before the first connection."""
    # An interpreter that ignores Python's own variables (-I) would pass them on to its child processes.
    ignored = [name for name in os.environ if name.startswith("PYTHON")] if sys.flags.ignore_environment else []
    for name in (*_OVERRIDING, *ignored):
        os.environ.pop(name, None)
