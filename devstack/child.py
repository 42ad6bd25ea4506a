"""One child process: start, wait until it answers, stop, kill, restart."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from devstack import processes, surroundings

ROOT = Path(__file__).resolve().parents[1]
_SPAWN = Path(__file__).with_name("spawn.py")
_MAX_LOG_BYTES = 10_000_000


class CannotStart(Exception):
    """A part cannot start: one line for a person, with the fault and its remedy."""


class Child:
    """A command as our direct child, in a session of its own, with its output appended to a log.

    The child gets `death_signal` when this process dies, however it dies. Linux ties the signal to the thread that
    starts the child, so that thread must live as long as the child should: use the main thread. Subclasses define
    `command()` and `answers()`, and may prepare in `prepare()`.
    """

    name = "child"
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGTERM
    start_seconds = 60.0
    stop_seconds = 15.0
    identity = "same"
    to_terminal = False

    def __init__(self, log: Path, *, env: Mapping[str, str] | None = None, keep_open: Sequence[int] = ()) -> None:
        """Take the whole environment as `env` (default: the variables that every part needs); inherit `keep_open`."""
        self.log = log
        self.environment = surroundings.for_parts(os.environ) if env is None else dict(env)
        self.keep_open = tuple(keep_open)
        self._process: subprocess.Popen[bytes] | None = None
        self._was_asked_to_stop = False

    # Subclasses define these.

    def command(self) -> list[str]:
        """Return the command line, without secrets, since every user of the machine can read it."""
        raise CannotStart(f"{self.name} has no command")

    def prepare(self) -> None:
        """Make folders and files; called before every start."""

    def answers(self) -> bool:
        """Return whether it can be used."""
        return self.is_running

    # These are the same for all children.

    @property
    def pid(self) -> int:
        """Return the pid of the running process. Raises `CannotStart` if there is none."""
        if self._process is None:
            raise CannotStart(f"{self.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return `None` while it runs or before it ran; a negative number is the signal that ended it."""
        return None if self._process is None else self._process.poll()

    def pids(self) -> list[int]:
        """Return its pid and those of all its descendants."""
        return [process.pid for process in processes.tree(self.pid)] if self.is_running else []

    def launch(self) -> None:
        """Start it without waiting until it answers."""
        if self.is_running:
            return
        self.prepare()
        command = [sys.executable, "-I", "-S", str(_SPAWN), str(os.getpid()), str(int(self.death_signal))]
        command += [self.identity, "--", *self.command()]
        self._was_asked_to_stop = False
        with self._log_file() as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder(),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=None if self.to_terminal else log,
                stderr=None if self.to_terminal else subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                pass_fds=self.keep_open,
            )

    def start(self) -> None:
        """Start it and wait until it answers. Raises `CannotStart` with the last words of its log if it does not."""
        self.launch()
        self.wait_until_answers()

    def wait_until_answers(self) -> None:
        """Wait until it can be used. Raises `CannotStart` if it ends first or takes longer than `start_seconds`."""
        deadline = time.monotonic() + self.start_seconds
        while not self.answers():
            if not self.is_running:
                raise CannotStart(f"{self.name} ended at its start ({self.last_words()}); all of it is in {self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise CannotStart(f"{self.name} does not answer after {self.start_seconds:.0f} s; see {self.log}")
            time.sleep(0.02)

    def ask_to_stop(self) -> None:
        """Send the stop signal, the first half of `stop()`, so that several children can end at the same time."""
        self._was_asked_to_stop = True
        self._send(self.stop_signal)

    def stop(self) -> None:
        """Ask it to end, wait `stop_seconds`, then kill it and all descendants that are left."""
        self._finish(self.stop_signal, self.stop_seconds)

    def kill(self) -> None:
        """Kill -9 it and all its descendants; return when all are gone."""
        self._finish(signal.SIGKILL, 0)

    def restart(self) -> None:
        """Stop it, start it and wait until it answers."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop it and all its descendants with SIGSTOP: alive, holding their connections, silent."""
        for process in processes.tree(self.pid):
            process.signal(signal.SIGSTOP)
            while process.is_running():  # a busy thread may still answer a request after the signal is sent
                time.sleep(0.001)

    def resume(self) -> None:
        """Resume the processes that `pause()` stopped."""
        for process in processes.tree(self.pid):
            process.signal(signal.SIGCONT)

    def folder(self) -> Path:
        """Return the working directory of the command."""
        return ROOT

    def how_it_ended(self) -> str:
        """Return the name of the signal that ended it, or else its last words."""
        if self.exit_code is not None and self.exit_code < 0:
            return f"killed by {signal.Signals(-self.exit_code).name}"
        return self.last_words()

    def last_words(self) -> str:
        """Return the last line of its log that is not blank."""
        with contextlib.suppress(OSError):
            lines = self.log.read_bytes()[-20_000:].decode(errors="replace").splitlines()
            for line in reversed(lines):
                if line.strip():
                    return line.strip()[:300]
        return "no output"

    def _log_file(self) -> contextlib.AbstractContextManager[int]:
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > _MAX_LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
            return _close_afterwards(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError:  # for example a full disk: a child without a log is better than no child
            return _close_afterwards(os.open(os.devnull, os.O_WRONLY))

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)

    def _finish(self, number: int, timeout: float) -> None:
        process = self._process
        if process is None:
            return
        family = processes.tree(process.pid)
        if process.poll() is None:
            if number == signal.SIGKILL or not self._was_asked_to_stop:  # some programs exit at once at a second signal
                self._send(number)
            if number != signal.SIGKILL:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout)
        # The group covers children born since the family was read; the family covers children in sessions of their own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        processes.end(family)
        self._process = None


@contextlib.contextmanager
def _close_afterwards(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def free_port() -> int:
    """Return a free TCP port on the loopback, below the range that the system gives to outgoing connections.

    With a port from that range, a client that connects to the port of a stopped server can end up connected to itself
    and keep the server from coming back.
    """
    for _ in range(500):
        port = random.randrange(15_000, 32_000)
        if is_free("127.0.0.1", port):
            return port
    raise CannotStart("no free port between 15000 and 32000 on 127.0.0.1")


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def accepts(host: str, port: int) -> bool:
    """Return whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
