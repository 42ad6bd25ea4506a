"""A Python process that has already imported the product, and runs flask commands, each in a fork of its own.

The interpreter and the imports take most of the time of a command, and the tests run hundreds. A fork has both;
its environment, arguments, output and exit code are those of `python -m flask`.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO

from devstack import surroundings
from devstack.child import ROOT

_SECONDS = 120


def flask(env: Mapping[str, str], arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a flask command to its end, with this environment only."""
    return run(env, "flask", ["flask", "--app", "wsgi", *arguments])


def run(
    env: Mapping[str, str], module: str, command: Sequence[str], *, server: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a module to its end as `python -m` does, with these arguments; the first is its name.

    `server` is the address of another process's Python.
    """
    request = json.dumps({"env": dict(env), "command": [module, *command]}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server or address())
        outputs: dict[str, str] = {}
        with ExitStack() as pipes:
            readers = []
            write_ends = []
            for name in ("stdout", "stderr"):
                read, write = os.pipe()
                pipes.callback(os.close, write)
                write_ends.append(write)
                readers.append(Thread(target=_read, args=(os.fdopen(read), name, outputs)))
            socket.send_fds(connection, [len(request).to_bytes(4, "big")], write_ends)
            connection.sendall(request)
        for reader in readers:
            reader.start()
        answer = connection.recv(64)
        for reader in readers:
            reader.join()
    if not answer:
        raise subprocess.TimeoutExpired(command, _SECONDS, outputs["stdout"], outputs["stderr"])
    return subprocess.CompletedProcess(command, int(answer), outputs["stdout"], outputs["stderr"])


def _read(file: IO[str], name: str, outputs: dict[str, str]) -> None:
    with file:
        outputs[name] = file.read()


@cache
def address() -> str:
    """Return the address where the process listens; it starts at the first call and ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="fairboard-ready-"))
    path = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        ours, theirs = socket.socketpair()  # closed when this process ends, however it ends
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.parts.ready_python", str(listener.fileno()), str(theirs.fileno())],
            cwd=ROOT,
            env=surroundings.for_parts(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno(), theirs.fileno()],
        )
        theirs.close()

    def end() -> None:
        ours.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return path


def _serve(listener: socket.socket, parent: socket.socket) -> list[str]:
    """Fork for every request. Returns only in the forks: the module and the command to run there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest; this process ends with it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(parent, selectors.EVENT_READ)
        while True:
            if parent in [key.fileobj for key, _ in selector.select()]:
                os._exit(0)
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
    listener.close()
    parent.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return _fork_command(connection)


def _fork_command(connection: socket.socket) -> list[str]:
    """Fork once more: the child becomes the requested command, and its parent reports how the child ended."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 2)
    request = json.loads(_receive_exactly(connection, int.from_bytes(head, "big")))
    child = os.fork()
    if child != 0:
        for descriptor in descriptors:
            os.close(descriptor)
        status = os.waitpid(child, 0)[1]
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM):
            connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    connection.close()
    for descriptor, standard in zip(descriptors, (1, 2), strict=True):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    signal.alarm(_SECONDS)
    surroundings.enter(request["env"])
    command: list[str] = request["command"]
    return command


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := connection.recv(size - len(data))):
            raise EOFError("who asked has gone")
        data += part
    return data


if __name__ == "__main__":
    import app.cli.services
    import app.factory  # noqa: F401 - what most of the commands import
    from app.cli.register import commands

    commands()

    sys.argv = _serve(*(socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:]))
    runpy.run_module(sys.argv.pop(0), run_name="__main__", alter_sys=True)
