"""`make` in a copy of the project, as somebody at a terminal would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack import processes
from devstack.child import ROOT, free_port
from tests.parts.waiting import eventually


def copy_project(target: Path, *, with_venv: bool = True) -> Path:
    """The project's files as they are now, without data; its .venv too unless it is to be made anew."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
            _take_compiled(ROOT / name, target / name)
    if with_venv:
        (target / ".venv").symlink_to(ROOT / ".venv")
    return target


def _take_compiled(source: Path, copy: Path) -> None:
    """What Python has compiled of it goes along: to compile all of the product takes longer than to start it."""
    compiled = Path("__pycache__", f"{source.stem}.{sys.implementation.cache_tag}.pyc")
    if source.suffix == ".py" and (source.parent / compiled).is_file():
        (copy.parent / compiled).parent.mkdir(exist_ok=True)
        shutil.copy(source.parent / compiled, copy.parent / compiled)
        shutil.copystat(source, copy)  # it is good for a source of this very time


def plain_environment(**more: str) -> dict[str, str]:
    """What a new terminal has: a path and the way to the package index, and nothing of Fairboard's."""
    kept = ("PATH", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    known = {name: value for name, value in os.environ.items() if name in kept or name.startswith(("PIP_", "SSL_"))}
    return {**known, "HOME": "/nonexistent", **more}


class MakeRun:
    """One `make run`, in a session of its own like a terminal's."""

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        *,
        user: int | None = None,
        target: str = "run",
        reader: str | None = None,
    ) -> None:
        """`env`: settings; `user`: a uid to run as; `target`: another one that runs until it is stopped; `reader`: a
        command that reads what it prints, as a shell names it."""
        self.folder = folder
        self.port = int(env.get("PORT") or free_port())
        self.said = folder / f"said-{self.port}-{len(list(folder.glob('said-*')))}"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                ["make", target] if reader is None else ["sh", "-c", f"make {target} 2>&1 | {reader}"],
                cwd=folder,
                env=plain_environment(**{"PORT": str(self.port), **env}),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    def output(self) -> str:
        return self.said.read_text()

    def started(self, *, within: float = 60) -> MakeRun:
        """Wait until it prints its address."""
        eventually(self._address_or_end, within=within)
        assert f"http://127.0.0.1:{self.port}/" in self.output(), self.output()
        return self

    def _address_or_end(self) -> bool:
        return "Fairboard is at" in self.output() or self.process.poll() is not None

    def refused(self) -> str:
        """Wait until it has ended with a failure; what it said, without make's own last line."""
        code = self.process.wait(60)
        assert code != 0, self.output()
        return re.sub(r"make: \*\*\* .*\n", "", self.output())

    def interrupt(self) -> int:
        """Ctrl-C, to all that the terminal runs; make's exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def family(self) -> list[processes.Process]:
        """make and everything that descends from it."""
        return processes.tree(self.process.pid)

    def kill(self) -> None:
        """kill -9 of everything at once."""
        for member in self.family():
            member.signal(signal.SIGKILL)
        self.process.wait()

    def call(self, path: str, body: dict[str, str] | None = None) -> Any:
        """`data` of an answer of the API."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine, whatever the shell says
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)["data"]
