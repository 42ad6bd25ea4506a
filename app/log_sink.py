"""The stream of log lines, which drops lines that it can't write: they never change an answer or end a process.

A full disk, a reader that is dead or stopped, a closed or non-blocking descriptor: all of them lose lines. The stream
counts these lines, and reports them once it can write again.
"""

from __future__ import annotations

import _socket  # gevent's version in `socket` would wait, which it may not do in gevent's hub
import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Callable
from functools import cache
from typing import TextIO

_poll = select.poll  # for the same reason

_WAIT_MS = 20  # for a busy reader; a stopped reader delays one line, not every line


def _ignore(lines: int) -> None:
    """Do nothing."""


class Sink(io.TextIOBase):
    """A text stream onto a descriptor. `write` raises only for bytes, and never blocks for long.

    `dropped` counts the lost lines. `count` is called with the number of lines at each loss, and `report` with the
    number of lines lost in a row, once a line was written again.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, descriptor: int) -> None:
        self._original = self._descriptor = descriptor
        self._write_part: Callable[[int, memoryview], int] = os.write
        self.dropped = 0
        self.count: Callable[[int], None] = _ignore
        self.report: Callable[[int], None] = _ignore
        self._unreported = 0
        self._is_cut = False  # the last line was written in part
        self._is_counting = False
        self._never_block(descriptor)

    def write(self, text: str) -> int:
        """Write the text, or drop it; return its length either way. Raises TypeError for bytes, which callers probe."""
        if not isinstance(text, str):
            raise TypeError(f"text, not {type(text).__name__}")
        if text:
            data = text.encode("utf-8", "backslashreplace")
            if self._write_all(b"\n" + data if self._is_cut else data):
                self._report_loss()
            else:
                self._drop(max(1, text.count("\n")))
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        """Do nothing: no text is buffered."""

    def close(self) -> None:
        """Stay open: other code writes here too."""

    def fileno(self) -> int:
        return self._original

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def _never_block(self, descriptor: int) -> None:
        """Find a way to write that doesn't wait, without changing the mode that other processes share."""
        with contextlib.suppress(OSError):
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISFIFO(mode) or os.isatty(descriptor):  # a terminal may be stopped (Ctrl-S), or nobody reads it
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
                self._descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
            elif stat.S_ISSOCK(mode):
                peer = _socket.socket(fileno=os.dup(descriptor))
                self._write_part = lambda _, data: peer.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)

    def _write_all(self, data: bytes) -> bool:
        """Return whether all of the data was written. The missing part of an incomplete line is lost."""
        rest, may_wait = memoryview(data), not self._unreported
        try:
            while rest:
                try:
                    rest = rest[self._write_part(self._descriptor, rest) :]
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
        if self._is_counting:  # counting may log a line, which would be lost too
            return
        self._is_counting = True
        try:
            self.count(lines)
        finally:
            self._is_counting = False

    def _report_loss(self) -> None:
        lines, self._unreported = self._unreported, 0
        if lines:
            self.report(lines)
            if self._unreported:  # the report was lost too
                self._unreported += lines


def _open(descriptor: int, stream: TextIO | None) -> int:
    """Return the descriptor, or the null device if it was closed at the start: it may now be a file or a connection."""
    return os.open(os.devnull, os.O_WRONLY) if stream is None else descriptor


def _flush(stream: TextIO | None) -> None:
    """Write the stream's buffered text, which comes before anything written from now on."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


@cache
def standard_error() -> Sink:
    """Return the sink of this process and of the processes that it forks."""
    return Sink(_open(2, sys.__stderr__))


def guard_standard_error() -> None:
    """Make all writes to standard error harmless: those of libraries, tracebacks and the interpreter.

    A replacement for standard error, such as a test's, is left alone.
    """
    if sys.stderr is sys.__stderr__:
        _flush(sys.stderr)
        vars(sys).update(stderr=standard_error(), __stderr__=standard_error())


def guard_standard_output() -> None:
    """Do the same for standard output, for a process whose output is for people to watch.

    A process whose output is its result has to fail when the result is lost, so it doesn't call this.
    """
    if sys.stdout is sys.__stdout__:
        _flush(sys.stdout)
        sink = Sink(_open(1, sys.stdout))
        vars(sys).update(stdout=sink, __stdout__=sink)
