"""The environment of everything that is started here, made from that of the shell.

A shell has variables for other projects: a `PGSERVICE`, a `CELERY_BROKER_URL`, a `PYTHONPATH`. The libraries here read
the same ones, so they must not get through. bootstrap.py uses this on the system's Python before anything is
installed: standard library only, in words that an older Python can read.
"""

import os
from collections.abc import Mapping

# What a private server, or a process of the product, may inherit. Everything else is dropped: no list of what does
# harm would ever be complete.
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "TERM", "NO_COLOR", "SEED")
_INHERITED_PREFIXES = ("LD_",)
# UTF-8 in every file, log and path, whatever the terminal speaks.
_FIXED = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}

# What a tool that runs on this machine, such as pip, the launcher or pytest, must not inherit.
_FOREIGN_PREFIXES = ("PYTHON", "PIP_", "PG", "CELERY_", "GUNICORN_", "FLASK_")
# The interpreter for `make`, and where pip gets packages from. Pip's other variables say where it puts them, and what.
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
    """Return the environment of a private part: nothing but what every process needs, in UTF-8."""
    inherited = {
        name: value for name, value in environ.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    return dict(inherited, **_FIXED)


def for_tools(environ: "Mapping[str, str]") -> "dict[str, str]":
    """Return the environment without other projects' variables for the libraries that are used here."""
    kept = _HARMLESS + _PIP_SOURCES
    return {name: value for name, value in environ.items() if name in kept or not name.startswith(_FOREIGN_PREFIXES)}


def enter(environment: "Mapping[str, str]") -> None:
    """Make it the environment of this process, and of what it starts."""
    os.environ.clear()
    os.environ.update(environment)
