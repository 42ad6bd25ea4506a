"""Starting the subscribers (bench/subscribers.py), and the floor (bench/floor.c) as their server instead."""

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
class Receipt:
    """The receipt of one board by every subscriber, at `first` and `last` (Unix seconds).

    `size` is the bytes of all frames, `cpu` is the subscribers' own CPU seconds.
    """

    first: float
    last: float
    frames: int
    size: int
    versions: list[int]
    cpu: float


class _LineProcess:
    """A child process that reads and writes lines."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def send_line(self) -> None:
        """Send one empty line."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def read_line(self) -> str:
        """Return the next line. Raises `BenchFailed` with the last line of stderr if the child has died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            assert self._process.stderr is not None
            errors = self._process.stderr.read().strip()
            raise BenchFailed(errors.splitlines()[-1] if errors else "a child of the benchmark died")
        return line

    def stop(self) -> None:
        """Kill the child."""
        self._process.kill()
        self._process.communicate()


class Audience:
    """`count` subscribers in a process of their own, connected when the `with` block begins."""

    def __init__(
        self, folder: Path, address: tuple[str, int], count: int, tokens: Sequence[str], *, addresses: int = 0
    ) -> None:
        """Write the plan. Without `tokens` the subscribers connect and stay silent.

        The newest frame is stored in `folder`/frame. `addresses`: how many of this machine's addresses they come from;
        0 for the usual one.
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
        self._child = _LineProcess([sys.executable, "-m", "bench.subscribers", str(self._plan)])
        try:
            self._child.read_line()
        except BaseException:
            self._child.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.stop()

    def listen(self) -> None:
        """Count from the next frame on."""
        self._child.send_line()
        self._child.read_line()

    def wait_for_receipt(self) -> Receipt:
        """Wait until every subscriber has received a frame, and return the receipt."""
        return Receipt(**json.loads(self._child.read_line()))


class FloorServer:
    """The C loop of send(), for `count` sockets."""

    def __init__(self, folder: Path, count: int) -> None:
        """Build the loop from C. Raises `BenchFailed` without a compiler. The frame to send is `folder`/frame."""
        self._count, self._frame, self._program = count, folder / "frame", folder / "floor"
        self._compile()

    def __enter__(self) -> FloorServer:
        self._child = _LineProcess([str(self._program), str(self._count), str(self._frame)])
        self.address = ("127.0.0.1", int(self._child.read_line()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.stop()

    def wait_until_ready(self) -> None:
        """Wait until all sockets are connected."""
        self._child.read_line()

    def send(self) -> tuple[float, float]:
        """Send one frame to all; return its start (Unix seconds) and the CPU seconds that it cost."""
        self._child.send_line()
        start, cpu = self._child.read_line().split()
        return float(start), float(cpu)

    def _compile(self) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise BenchFailed("there is no C compiler, so the floor cannot be built: install gcc")
        source = Path(__file__).with_name("floor.c")
        result = subprocess.run(
            [compiler, "-O2", "-o", str(self._program), str(source)], capture_output=True, text=True
        )
        if result.returncode:
            raise BenchFailed(f"{source.name} does not compile: {result.stderr.strip()[-300:]}")
