"""`make` in a copy of the project, run as a user at a terminal would run it."""

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
    """Copy the project's present files to `target`, without data; link its .venv unless `make` is to build one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
            _copy_bytecode(ROOT / name, target / name)
    if with_venv:
        (target / ".venv").symlink_to(ROOT / ".venv")
    return target


def _copy_bytecode(source: Path, copy: Path) -> None:
    """Copy the file's bytecode too: compiling the whole product takes longer than starting it."""
    compiled = Path("__pycache__", f"{source.stem}.{sys.implementation.cache_tag}.pyc")
    if source.suffix == ".py" and (source.parent / compiled).is_file():
        (copy.parent / compiled).parent.mkdir(exist_ok=True)
        shutil.copy(source.parent / compiled, copy.parent / compiled)
        shutil.copystat(source, copy)  # bytecode is valid only for this modification time


def plain_environment(**overrides: str) -> dict[str, str]:
    """Return the environment of a new terminal: a path and the way to the package index, nothing of Fairboard's."""
    inherited_names = ("PATH", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in inherited_names or name.startswith(("PIP_", "SSL_"))
    }
    return {**inherited, "HOME": "/nonexistent", **overrides}


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
        """Start make.

        `env`: settings; `user`: a uid to run as; `target`: another target that runs until it is stopped; `reader`: a
        shell command that reads its output.
        """
        self.folder = folder
        self.port = int(env.get("PORT") or free_port())
        self.output_path = folder / f"said-{self.port}-{len(list(folder.glob('said-*')))}"
        with self.output_path.open("wb") as output_file:
            self.process = subprocess.Popen(
                ["make", target] if reader is None else ["sh", "-c", f"make {target} 2>&1 | {reader}"],
                cwd=folder,
                env=plain_environment(**{"PORT": str(self.port), **env}),
                stdin=subprocess.DEVNULL,
                stdout=output_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    def output(self) -> str:
        return self.output_path.read_text()

    def started(self, *, within: float = 60) -> MakeRun:
        """Wait until it prints its address. Returns the run itself."""
        eventually(self._address_or_end, within=within)
        assert f"http://127.0.0.1:{self.port}/" in self.output(), self.output()
        return self

    def _address_or_end(self) -> bool:
        return "Fairboard is at" in self.output() or self.process.poll() is not None

    def wait_for_refusal(self) -> str:
        """Wait until it fails. Returns its output without make's own last line."""
        code = self.process.wait(60)
        assert code != 0, self.output()
        return re.sub(r"make: \*\*\* .*\n", "", self.output())

    def interrupt(self) -> int:
        """Send Ctrl-C to every process that the terminal runs. Returns make's exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def family(self) -> list[processes.Process]:
        """Return make and all its descendants."""
        return processes.tree(self.process.pid)

    def kill(self) -> None:
        """Kill all its processes at once with kill -9."""
        for member in self.family():
            member.signal(signal.SIGKILL)
        self.process.wait()

    def call(self, path: str, body: dict[str, str] | None = None) -> Any:
        """Call the API. Returns `data` of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy of the shell
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)["data"]
