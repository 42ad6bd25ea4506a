"""app/log_sink.py: a line that can't be written is lost, counted and reported; nothing else happens."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from app.log_sink import Sink
from devstack.child import ROOT

# Logs in every possible way, then prints the number of lost lines, or the line on which it ended.
LOGGING = """
import logging, os, sys
from app import logs, metrics
from app.log_sink import standard_error
from app.settings import Settings
logs.configure(Settings())
requests = logs.RequestLog(Settings())
class Unprintable:
    def __repr__(self): raise RuntimeError("it has no words")
for _ in range(3):
    requests.write("id", "POST /", 201, 0.1, None, None)
    logging.getLogger("library").error("it failed")
    logging.getLogger("library").error("%d", "no number")
    logging.getLogger("library").error("%s", Unprintable())
    print("said", file=sys.stderr)
    print("said", file=sys.__stderr__)
    sys.stderr.flush()
counter = metrics.log_lines_dropped._value.get()
assert counter == standard_error().dropped
print("dropped" if counter >= 12 else int(counter))
"""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def _fill(writer: int) -> int:
    """Fill a pipe without changing its mode, and return the number of bytes it took."""
    with open(os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0) as file:
        size = 0
        while written := file.write(b"x" * 4096):
            size += written
    return size


def _full(errors: Path) -> Callable[[], object]:
    return lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 2)


def _closed(errors: Path) -> Callable[[], object]:
    return lambda: os.close(2)


def _broken(errors: Path) -> Callable[[], object]:
    def break_pipe() -> None:
        reader, writer = os.pipe()
        os.dup2(writer, 2)
        os.close(reader)

    return break_pipe


def _asleep(errors: Path) -> Callable[[], object]:
    def fill_pipe() -> None:
        reader, writer = os.pipe()
        os.set_inheritable(reader, True)  # it has a reader that never reads
        os.set_blocking(writer, False)
        while True:
            try:
                os.write(writer, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(writer, True)
        os.dup2(writer, 2)

    return fill_pipe


def _terminal(errors: Path) -> Callable[[], object]:
    def stop_terminal() -> None:
        reader, writer = pty.openpty()
        os.set_inheritable(reader, True)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
        os.dup2(writer, 2)

    return stop_terminal


def _limited(errors: Path) -> Callable[[], object]:
    def limit() -> None:
        import resource

        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    return limit


@pytest.mark.parametrize(
    ("prepare", "lost"),
    [
        (_full, "dropped"),
        (_closed, "0"),
        (_broken, "dropped"),
        (_asleep, "dropped"),
        (_terminal, "dropped"),
        (_limited, "dropped"),
    ],
)
def test_no_way_of_logging_fails_whatever_is_behind_standard_error(
    tmp_path: Path, prepare: Callable[[Path], Callable[[], object]], lost: str
) -> None:
    """Where standard error was closed, no line can be lost."""
    process = subprocess.run(
        [sys.executable, "-c", LOGGING],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        close_fds=False,
        preexec_fn=prepare(tmp_path / "errors"),
    )
    assert (process.returncode, process.stdout.strip()) == (0, lost)


def test_a_library_that_tries_whether_it_takes_bytes_sees_that_it_does_not(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    click.echo("a banner", file=Sink(writer))  # type: ignore[arg-type]
    assert os.read(reader, 100) == b"a banner\n"


def test_lines_that_were_lost_are_reported_once_there_is_room_again(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    size = _fill(writer)
    sink = Sink(writer)
    reports: list[int] = []
    counted: list[int] = []
    sink.count, sink.report = counted.append, reports.append
    for _ in range(3):
        sink.write("a line\nand another\n")
    assert (sink.dropped, counted, reports) == (6, [2, 2, 2], [])
    os.read(reader, size)
    sink.write("written\n")
    sink.write("written\n")
    assert os.read(reader, 100) == b"written\nwritten\n"
    assert (sink.dropped, reports) == (6, [6])


def test_a_line_that_was_cut_ends_before_the_next_one_begins(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    size = _fill(writer)
    os.read(reader, 8192)
    sink = Sink(writer)
    sink.write("y" * 20_000 + "\n")
    assert sink.dropped == 1
    os.read(reader, size)
    sink.write("a whole line\n")
    assert os.read(reader, 20_000).splitlines()[-1] == b"a whole line"


def test_a_descriptor_keeps_the_mode_that_others_count_on(pipe: tuple[int, int]) -> None:
    Sink(pipe[1]).write("x\n")
    assert os.get_blocking(pipe[1])
    os.set_blocking(pipe[1], False)
    Sink(pipe[1]).write("x\n")
    assert not os.get_blocking(pipe[1])


def test_a_socket_that_nobody_reads_loses_lines_and_keeps_nobody_waiting() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sink = Sink(ours.fileno())
        while not sink.dropped:
            sink.write("x" * 10_000 + "\n")
        theirs.close()
        sink.write("x\n")
        assert sink.dropped >= 2


def test_what_a_process_prints_waits_for_no_reader(pipe: tuple[int, int]) -> None:
    """The launcher prints, and has to restart processes meanwhile."""
    _, writer = pipe
    code = "from app.log_sink import guard_standard_output as guard; guard(); [print('x' * 4095) for _ in range(100)]"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=writer, timeout=30)
    assert process.returncode == 0
