"""Starting the subscribers (bench/subscribers.py), and the floor (bench/floor.c) that they can listen to instead."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.load import BenchFailed
from devstack.child import ROOT


@dataclass(frozen=True, slots=True)
class Heard:
    """One board at every subscriber: `first` and `last` when they had it (Unix seconds).

    `size` is the bytes of all frames, `cpu` is the subscribers' own.
    """

    first: float
    last: float
    frames: int
    size: int
    versions: list[int]
    cpu: float


class _Talk:
    """A child process spoken with in lines."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def tell(self) -> None:
        """One empty line."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """The next line; BenchFailed with its last words if it has died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            assert self._process.stderr is not None
            said = self._process.stderr.read().strip()
            raise BenchFailed(said.splitlines()[-1] if said else "a child of the benchmark died")
        return line

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Audience:
    """`count` subscribers in a process of their own, connected when the `with` block begins."""

    def __init__(
        self, folder: Path, address: tuple[str, int], count: int, tokens: Sequence[str], *, addresses: int = 0
    ) -> None:
        """Without tokens they connect and say nothing. The newest frame is kept in `folder`/frame.

        `addresses`: from how many of this machine they come; 0 for the usual one.
        """
        self._plan = folder / "plan"
        self._plan.write_text(
            json.dumps(
                {
                    "host": address[0],
                    "port": address[1],
                    "count": count,
                    "tokens": list(tokens),
                    "frame": str(folder / "frame"),
                    "addresses": addresses,
                }
            )
        )

    def __enter__(self) -> Audience:
        self._talk = _Talk([sys.executable, "-m", "bench.subscribers", str(self._plan)])
        try:
            self._talk.hear()
        except BaseException:
            self._talk.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._talk.stop()

    def listen(self) -> None:
        """From now on, the next frame counts."""
        self._talk.tell()
        self._talk.hear()

    def heard(self) -> Heard:
        """Wait until every subscriber has received one."""
        return Heard(**json.loads(self._talk.hear()))


class FloorServer:
    """The C loop of send(), with `count` sockets to come."""

    def __init__(self, folder: Path, count: int) -> None:
        """BenchFailed without a C compiler. The frame to send is `folder`/frame."""
        self._count, self._frame, self._program = count, folder / "frame", folder / "floor"
        self._compile()

    def __enter__(self) -> FloorServer:
        self._talk = _Talk([str(self._program), str(self._count), str(self._frame)])
        self.address = ("127.0.0.1", int(self._talk.hear()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._talk.stop()

    def wait_until_ready(self) -> None:
        """All sockets are there."""
        self._talk.hear()

    def send(self) -> tuple[float, float]:
        """Send one frame to all: when it began (Unix seconds), and the CPU seconds that it cost."""
        self._talk.tell()
        began, cpu = self._talk.hear().split()
        return float(began), float(cpu)

    def _compile(self) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise BenchFailed("there is no C compiler, so the floor cannot be built: install gcc")
        source = Path(__file__).with_name("floor.c")
        built = subprocess.run([compiler, "-O2", "-o", str(self._program), str(source)], capture_output=True, text=True)
        if built.returncode:
            raise BenchFailed(f"{source.name} does not compile: {built.stderr.strip()[-300:]}")
