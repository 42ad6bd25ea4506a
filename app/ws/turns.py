"""The turns of all sockets of a process: one greenlet reads them, and a few others do the work that may block.

A socket has no greenlet of its own: between two turns it costs its few objects and a watcher of the event loop. In a
turn it is read once, and its messages are handled in order; it isn't read again before its turn has ended.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
import gevent.event
import structlog
from structlog.contextvars import bound_contextvars

from app.ws import frames
from app.ws.reader import MAY_BLOCK, Reader, Turn

if TYPE_CHECKING:
    from gevent._types import _TimerWatcher

log = structlog.get_logger("fairboard.ws")

_RUN_SECONDS = 0.003  # of turns in a row, before the rest of the process goes on
_MOST_WORKERS = 200  # more wait for the stores than the stores serve at once; the others wait in line


class Turns:
    """The loop that gives each readable socket its turn. It starts no greenlet before the first socket."""

    def __init__(self, on_end: Callable[[Reader], None], most_workers: int = _MOST_WORKERS) -> None:
        """Take `on_end`, called once for each socket when it has ended and is closed."""
        self._on_end, self._most_workers = on_end, most_workers
        self._due: deque[tuple[Reader, Turn]] = deque()
        self._work: deque[tuple[Reader, Turn]] = deque()  # turns that go on with work that may block
        self._workers = 0
        self._wake = gevent.event.Event()
        self._is_running = False

    def add(self, reader: Reader) -> None:
        """Serve a socket from now on, until it ends."""
        if not self._is_running:
            self._is_running = True
            gevent.spawn(self._run)
        reader.watcher.start(self._on_readable, reader)

    def _on_readable(self, reader: Reader) -> None:
        # This runs in the event loop's own greenlet: it may neither block nor raise.
        reader.watcher.stop()
        self._go_on(reader, reader.turn())

    def _go_on(self, reader: Reader, turn: Turn) -> None:
        self._due.append((reader, turn))
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            until = time.monotonic() + _RUN_SECONDS
            while self._due:
                self._advance(*self._due.popleft())
                if time.monotonic() > until:
                    gevent.sleep(0)
                    until = time.monotonic() + _RUN_SECONDS

    def _advance(self, reader: Reader, turn: Turn) -> None:
        """Go on with a turn until it ends, rests, or needs a greenlet that may block."""
        try:
            pause = next(turn)
        except StopIteration as end:
            if end.value:
                reader.watcher.start(self._on_readable, reader)
            else:
                self._end(reader)
        except Exception:
            with bound_contextvars(request_id=reader.arrival.request_id):
                log.exception("conversation_failed")
            reader.subscriber.outbound.close(frames.INTERNAL, "internal error")
            self._end(reader)
        else:
            if pause == MAY_BLOCK:
                self._employ(reader, turn)
            else:
                self._rest(reader, turn, pause)

    def _rest(self, reader: Reader, turn: Turn, seconds: float) -> None:
        timer: _TimerWatcher = gevent.get_hub().loop.timer(seconds)

        def wake() -> None:
            timer.close()
            self._go_on(reader, turn)

        timer.start(wake)

    def _employ(self, reader: Reader, turn: Turn) -> None:
        self._work.append((reader, turn))
        if self._workers < self._most_workers:
            self._workers += 1
            gevent.spawn(self._do_work)

    def _do_work(self) -> None:
        try:
            while self._work:
                reader, turn = self._work.popleft()
                with bound_contextvars(request_id=reader.arrival.request_id):
                    self._advance(reader, turn)
        finally:
            self._workers -= 1

    def _end(self, reader: Reader) -> None:
        try:
            reader.end()
            self._on_end(reader)
        except Exception:  # the others must be read on
            log.exception("conversation_failed")
