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
_LOG_KEPT_BYTES = 10_000_000


class CannotStart(Exception):
    """One line for a person: what is wrong and what to do about it."""


class Child:
    """A command as our direct child, in a session of its own, with its output appended to a log.

    It gets `death_signal` when this process dies, however it dies. The thread that starts it must be one that lives
    as long as the child should (Linux ties the signal to the thread): the main thread.
    Subclasses give `command()` and `answers()`, and may prepare in `prepare()`.
    """

    name = "child"
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGTERM
    start_seconds = 60.0
    stop_seconds = 15.0
    identity = "same"
    to_terminal = False

    def __init__(self, log: Path, *, env: Mapping[str, str] | None = None, keep_open: Sequence[int] = ()) -> None:
        """`env`: the whole environment (default: what every part needs); `keep_open`: descriptors it inherits."""
        self.log = log
        self.environment = surroundings.for_parts(os.environ) if env is None else dict(env)
        self.keep_open = tuple(keep_open)
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False

    # What a subclass says of itself.

    def command(self) -> list[str]:
        """The command line; nothing secret in it, since everybody can read it."""
        raise CannotStart(f"{self.name} has no command")

    def prepare(self) -> None:
        """Make folders and files; called before every start."""

    def answers(self) -> bool:
        """True once it can be used."""
        return self.running

    # What is the same for all.

    @property
    def pid(self) -> int:
        """Pid of the running process; CannotStart if there is none."""
        if self._process is None:
            raise CannotStart(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it ran; negative: the signal that ended it."""
        return None if self._process is None else self._process.poll()

    def pids(self) -> list[int]:
        """Its pid and those of all its descendants."""
        return [process.pid for process in processes.tree(self.pid)] if self.running else []

    def launch(self) -> None:
        """Start without waiting until it answers."""
        if self.running:
            return
        self.prepare()
        command = [sys.executable, "-I", "-S", str(_SPAWN), str(os.getpid()), str(int(self.death_signal))]
        command += [self.identity, "--", *self.command()]
        self._asked = False
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
        """Start and wait until it answers; CannotStart with the last words of its log if it does not."""
        self.launch()
        self.wait_until_answers()

    def wait_until_answers(self) -> None:
        """Wait until it can be used; CannotStart if it ends first or takes longer than `start_seconds`."""
        deadline = time.monotonic() + self.start_seconds
        while not self.answers():
            if not self.running:
                raise CannotStart(f"{self.name} ended at its start ({self.last_words()}); all of it is in {self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise CannotStart(f"{self.name} does not answer after {self.start_seconds:.0f} s; see {self.log}")
            time.sleep(0.02)

    def ask_to_stop(self) -> None:
        """The first half of stop(), so that several can end at the same time."""
        self._asked = True
        self._send(self.stop_signal)

    def stop(self) -> None:
        """Ask it to end, wait `stop_seconds`, then end it and whatever it leaves behind."""
        self._finish(self.stop_signal, self.stop_seconds)

    def kill(self) -> None:
        """kill -9 to it and all its descendants; returns when all are gone."""
        self._finish(signal.SIGKILL, 0)

    def restart(self) -> None:
        """Stop, start, wait until it answers."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP to it and all its descendants: alive, holding its connections, saying nothing."""
        for process in processes.tree(self.pid):
            process.signal(signal.SIGSTOP)
            while process.running():  # the signal is sent, and a busy thread may still answer somebody
                time.sleep(0.001)

    def resume(self) -> None:
        """The end of pause()."""
        for process in processes.tree(self.pid):
            process.signal(signal.SIGCONT)

    def folder(self) -> Path:
        """The working directory of the command."""
        return ROOT

    def how_it_ended(self) -> str:
        """The signal that ended it, or else what it said last."""
        if self.exit_code is not None and self.exit_code < 0:
            return f"killed by {signal.Signals(-self.exit_code).name}"
        return self.last_words()

    def last_words(self) -> str:
        """The last line of its log that says something."""
        with contextlib.suppress(OSError):
            lines = self.log.read_bytes()[-20_000:].decode(errors="replace").splitlines()
            for line in reversed(lines):
                if line.strip():
                    return line.strip()[:300]
        return "it said nothing"

    def _log_file(self) -> contextlib.AbstractContextManager[int]:
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > _LOG_KEPT_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
            return _opened(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError:  # such as a full disk: better without a log than not at all
            return _opened(os.open(os.devnull, os.O_WRONLY))

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)

    def _finish(self, number: int, patience: float) -> None:
        process = self._process
        if process is None:
            return
        family = processes.tree(process.pid)
        if process.poll() is None:
            if number == signal.SIGKILL or not self._asked:  # a second request to stop can mean: at once
                self._send(number)
            if number != signal.SIGKILL:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
        # The group catches what was born since the look at the family; the family those in a session of their own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        processes.end(family)
        self._process = None


@contextlib.contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def free_port() -> int:
    """A free TCP port on the loopback, below the range the system gives to outgoing connections.

    From within that range, a client that knocks on the port of a stopped server can end up connected to itself and
    keep the server from coming back.
    """
    for _ in range(500):
        port = random.randrange(15_000, 32_000)
        if is_free("127.0.0.1", port):
            return port
    raise CannotStart("no free port between 15000 and 32000 on 127.0.0.1")


def is_free(host: str, port: int) -> bool:
    """True if a server could listen there now."""
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
    """True if something listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
