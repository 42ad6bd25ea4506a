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
    from gevent._types import _IoWatcher, _TimerWatcher

log = structlog.get_logger("fairboard.ws")

_READABLE = 1
_RUN_SECONDS = 0.003  # of turns in a row, before the rest of the process goes on
_MOST_WORKERS = 200  # more wait for the stores than the stores serve at once; the others wait in line


class Conversation:
    """One socket that is served: its reader, its watcher, and `end`, which lets go of all it has."""

    __slots__ = ("end", "reader", "request_id", "watcher")

    def __init__(self, reader: Reader, request_id: str, end: Callable[[], None]) -> None:
        """Take the id of the handshake's request, for log lines, and `end`, called once when the socket has ended."""
        self.reader, self.request_id, self.end = reader, request_id, end
        self.watcher: _IoWatcher | None = None


class Turns:
    """The loop that gives each readable socket its turn. It starts no greenlet before the first socket."""

    def __init__(self) -> None:
        self._due: deque[tuple[Conversation, Turn]] = deque()
        self._work: deque[tuple[Conversation, Turn]] = deque()  # turns that go on with work that may block
        self._workers = 0
        self._wake = gevent.event.Event()
        self._is_running = False

    def add(self, conversation: Conversation) -> None:
        """Serve a socket from now on, until it ends."""
        if not self._is_running:
            self._is_running = True
            gevent.spawn(self._run)
        conversation.watcher = gevent.get_hub().loop.io(conversation.reader.number, _READABLE)
        self._listen(conversation)

    def _listen(self, conversation: Conversation) -> None:
        assert conversation.watcher is not None
        conversation.watcher.start(self._on_readable, conversation)

    def _on_readable(self, conversation: Conversation) -> None:
        # This runs in the event loop's own greenlet: it may neither block nor raise.
        assert conversation.watcher is not None
        conversation.watcher.stop()
        self._go_on(conversation, conversation.reader.turn())

    def _go_on(self, conversation: Conversation, turn: Turn) -> None:
        self._due.append((conversation, turn))
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

    def _advance(self, conversation: Conversation, turn: Turn) -> None:
        """Go on with a turn until it ends, rests, or needs a greenlet that may block."""
        try:
            pause = next(turn)
        except StopIteration as end:
            if end.value:
                self._listen(conversation)
            else:
                self._end(conversation)
        except Exception:
            with bound_contextvars(request_id=conversation.request_id):
                log.exception("conversation_failed")
            conversation.reader.outbound.close(frames.INTERNAL, "internal error")
            self._end(conversation)
        else:
            if pause is MAY_BLOCK:
                self._employ(conversation, turn)
            else:
                self._rest(conversation, turn, pause)

    def _rest(self, conversation: Conversation, turn: Turn, seconds: float) -> None:
        timer: _TimerWatcher = gevent.get_hub().loop.timer(seconds)

        def wake() -> None:
            timer.close()
            self._go_on(conversation, turn)

        timer.start(wake)

    def _employ(self, conversation: Conversation, turn: Turn) -> None:
        self._work.append((conversation, turn))
        if self._workers < _MOST_WORKERS:
            self._workers += 1
            gevent.spawn(self._do_work)

    def _do_work(self) -> None:
        try:
            while self._work:
                conversation, turn = self._work.popleft()
                with bound_contextvars(request_id=conversation.request_id):
                    self._advance(conversation, turn)
        finally:
            self._workers -= 1

    def _end(self, conversation: Conversation) -> None:
        if conversation.watcher is not None:
            conversation.watcher.stop()
            conversation.watcher.close()
            conversation.watcher = None
        try:
            conversation.end()
        except Exception:
            log.exception("conversation_end_failed")
