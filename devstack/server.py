"""The base of all private servers.

These classes are the single way to start real parts: `make run`, the demo, the tests and the benchmark use them. Every
server keeps its data in `folder` (made with mode 0700) and its log in `log`, and can be started again on it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from devstack.child import CannotStart, Child


class Server(Child):
    """A child with a folder for its data."""

    def __init__(self, folder: Path, log: Path, *, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(log, keep_open=keep_open)
        self.data = folder.absolute()

    def prepare(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def url(self) -> str:
        """Return where to reach it, with the password if there is one."""
        raise CannotStart(f"{self.name} has no address")


def package_file(package: str, path: str) -> Path:
    """Return the path of a file in an installed Python package. Raises `CannotStart` if the package is missing."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(f"the Python package {package} is missing: run this with the .venv that make sets up")
    return Path(spec.submodule_search_locations[0]) / path


def system_program(name: str, *places: str) -> str:
    """Return the path of a program that the system has installed, in one of `places` or in the search path."""
    for place in places:
        if os.access(place, os.X_OK):
            return place
    path = shutil.which(name)
    if path is None:
        raise CannotStart(f"{name} is not installed: install it from the system's packages")
    return path
