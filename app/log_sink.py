"""Where log lines go: a stream that drops what it can't write. A log line never changes an answer or ends a process.

A disk that is full, a reader that is gone or asleep, a descriptor that is closed or non-blocking: all of them lose
lines. The stream counts these lines, and reports them once it can write again.
"""

from __future__ import annotations

import _socket  # what gevent replaces in `socket` would wait, and may not do so in its hub
import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Callable
from functools import cache
from typing import TextIO

_poll = select.poll  # likewise

_WAIT_MS = 20  # for a reader that is busy; one that sleeps is waited for once, not at every line


def _ignore(lines: int) -> None:
    """Tell nobody."""


class Sink(io.TextIOBase):
    """A text stream onto a descriptor. `write` raises for nothing but bytes, and never blocks for long.

    `dropped` counts the lines that are lost. `count` is called with the number of lines at each loss, and `report`
    with the number of lines lost in a row once a line was written again.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, descriptor: int, *, may_wait: bool = False) -> None:
        """`may_wait`: wait for the reader of a pipe, however long it takes."""
        self._given = self._descriptor = descriptor
        self._put: Callable[[int, memoryview], int] = os.write
        self.dropped = 0
        self.count: Callable[[int], None] = _ignore
        self.report: Callable[[int], None] = _ignore
        self._unreported = 0
        self._is_cut = False  # the last line was written in part
        self._is_counting = False
        if not may_wait:
            self._never_block(descriptor)

    def write(self, text: str) -> int:
        """Write the text, or drop it; its length either way. Raises TypeError for bytes: callers try which it takes."""
        if not isinstance(text, str):
            raise TypeError(f"text, not {type(text).__name__}")
        if text:
            data = text.encode("utf-8", "backslashreplace")
            if self._written(b"\n" + data if self._is_cut else data):
                self._tell()
            else:
                self._drop(max(1, text.count("\n")))
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""

    def close(self) -> None:
        """Stay open: others write here too."""

    def fileno(self) -> int:
        return self._given

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def _never_block(self, descriptor: int) -> None:
        """Find a way to write that doesn't wait, and leaves the mode of the descriptor, which others share, alone."""
        with contextlib.suppress(OSError):
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISFIFO(mode):
                self._descriptor = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
            elif stat.S_ISSOCK(mode):
                peer = _socket.socket(fileno=os.dup(descriptor))
                self._put = lambda _, data: peer.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)

    def _written(self, data: bytes) -> bool:
        """Whether all of it was written. What is missing of a line that was begun is lost."""
        rest, may_wait = memoryview(data), not self._unreported
        try:
            while rest:
                try:
                    rest = rest[self._put(self._descriptor, rest) :]
                except BlockingIOError:
                    if not (may_wait and self._wait()):
                        break
                    may_wait = False
        except OSError:
            pass
        if len(rest) < len(data):
            self._is_cut = bool(rest)
        return not rest

    def _wait(self) -> bool:
        writable = _poll()
        writable.register(self._descriptor, select.POLLOUT)
        return bool(writable.poll(_WAIT_MS))

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._unreported += lines
        if self._is_counting:  # counting may log, which is lost like this line
            return
        self._is_counting = True
        try:
            self.count(lines)
        finally:
            self._is_counting = False

    def _tell(self) -> None:
        lines, self._unreported = self._unreported, 0
        if lines:
            self.report(lines)
            if self._unreported:  # so was the report
                self._unreported += lines


def _open(descriptor: int, stream: TextIO | None) -> int:
    """The descriptor, or nowhere where it was closed at the start: by now it may be that of a file or a connection."""
    return os.open(os.devnull, os.O_WRONLY) if stream is None else descriptor


def _flush(stream: TextIO | None) -> None:
    """Write what the stream holds back, which comes before anything written from now on."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


@cache
def standard_error() -> Sink:
    """This process's sink, and that of the processes that it forks."""
    return Sink(_open(2, sys.__stderr__))


def guard_standard_error() -> None:
    """Make everything that writes to standard error harmless, whoever writes: libraries, tracebacks, the interpreter.

    Leaves alone what somebody else has put in its place, as a test may.
    """
    if sys.stderr is sys.__stderr__:
        _flush(sys.stderr)
        vars(sys).update(stderr=standard_error(), __stderr__=standard_error())


def guard_standard_output() -> None:
    """The same for standard output, for a process whose output is for people to watch. Not for one whose output is
    its result: that has to fail when the result is lost."""
    if sys.stdout is sys.__stdout__:
        _flush(sys.stdout)
        sink = Sink(_open(1, sys.stdout), may_wait=True)
        vars(sys).update(stdout=sink, __stdout__=sink)
