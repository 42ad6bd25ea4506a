"""The environment of all processes that are started here, made from that of the shell.

A shell has variables for other projects: a `PGSERVICE`, a `CELERY_BROKER_URL`, a `PYTHONPATH`. The libraries here read
the same names, so these must not get through. bootstrap.py uses this on the system's Python before anything is
installed: it uses the standard library only, and syntax that an older Python can parse.
"""

import os
from collections.abc import Mapping

# A private server, or a process of the product, may inherit these. Everything else is dropped: no list of harmful
# variables would ever be complete.
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "TERM", "NO_COLOR", "SEED")
_INHERITED_PREFIXES = ("LD_",)
# Every file, log and path is in UTF-8, in any locale of the terminal.
_FIXED = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}

# A tool that runs on this machine, such as pip, the launcher or pytest, must not inherit these.
_FOREIGN_PREFIXES = (
    *("PYTHON", "PIP_", "PG", "CELERY_", "GUNICORN_", "FLASK_", "PSYCOPG_", "SQLALCHEMY_", "DISABLE_SQLALCHEMY_"),
    *("GEVENT", "KOMBU_", "WERKZEUG_", "PROMETHEUS_", "PYDANTIC_"),
)
# `PYTHON` is the interpreter for `make`; these name pip's sources. Pip's other variables change which packages it
# installs, and where.
_HARMLESS = ("PYTHON",)
_PIP_SOURCES = (
    "PIP_CACHE_DIR",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_KEYRING_PROVIDER",
    "PIP_NO_CACHE_DIR",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TIMEOUT",
    "PIP_TRUSTED_HOST",
    "PIP_USE_DEPRECATED",
    "PIP_USE_FEATURE",
)


def for_parts(environ: "Mapping[str, str]") -> "dict[str, str]":
    """Return the environment of a private part: only the variables that every process needs, in UTF-8."""
    inherited = {
        name: value for name, value in environ.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    return dict(inherited, **_FIXED)


def for_tools(environ: "Mapping[str, str]") -> "dict[str, str]":
    """Return the environment without other projects' variables for the libraries that are used here."""
    allowed_names = _HARMLESS + _PIP_SOURCES
    return {
        name: value
        for name, value in environ.items()
        if name in allowed_names or not name.startswith(_FOREIGN_PREFIXES)
    }


def enter(environment: "Mapping[str, str]") -> None:
    """Replace the environment of this process, and of the processes that it starts."""
    os.environ.clear()
    os.environ.update(environment)
