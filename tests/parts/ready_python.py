"""A Python that has imported the product already, and runs flask commands, each in a process of its own.

The interpreter and the imports are most of what a command costs, and the tests run hundreds. A fork of this process
has both; everything else happens in it as in `python -m flask`: its environment, its arguments, its output, its end.
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
    """Run a flask command with this environment, and no other, to its end."""
    return run(env, "flask", ["flask", "--app", "wsgi", *arguments])


def run(env: Mapping[str, str], module: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a module as `python -m` does, with these arguments (the first is its name), to its end."""
    request = json.dumps({"env": dict(env), "command": [module, *command]}).encode()
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(_address())
        said: dict[str, str] = {}
        with ExitStack() as ends:
            readers = []
            given = []
            for name in ("stdout", "stderr"):
                read, write = os.pipe()
                ends.callback(os.close, write)
                given.append(write)
                readers.append(Thread(target=_read, args=(os.fdopen(read), name, said)))
            socket.send_fds(asked, [len(request).to_bytes(4, "big")], given)
            asked.sendall(request)
        for reader in readers:
            reader.start()
        answer = asked.recv(64)
        for reader in readers:
            reader.join()
    if not answer:
        raise subprocess.TimeoutExpired(command, _SECONDS, said["stdout"], said["stderr"])
    return subprocess.CompletedProcess(command, int(answer), said["stdout"], said["stderr"])


def _read(file: IO[str], name: str, said: dict[str, str]) -> None:
    with file:
        said[name] = file.read()


@cache
def _address() -> str:
    """Where it listens; started at the first use, and ended with this process."""
    folder = Path(tempfile.mkdtemp(prefix="fairboard-ready-"))
    address = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        ours, theirs = socket.socketpair()  # closed when this process ends, however it ends
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.parts.ready_python", str(listening.fileno()), str(theirs.fileno())],
            cwd=ROOT,
            env=surroundings.for_parts(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[listening.fileno(), theirs.fileno()],
        )
        theirs.close()

    def end() -> None:
        ours.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return address


def _serve(listening: socket.socket, parent: socket.socket) -> list[str]:
    """Fork for every request. Returns in the forks alone: the module and the command that this process is for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, with which this ends
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        selector.register(parent, selectors.EVENT_READ)
        while True:
            if parent in [key.fileobj for key, _ in selector.select()]:
                os._exit(0)
            asked, _ = listening.accept()
            if os.fork() == 0:
                break
            asked.close()
    listening.close()
    parent.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return _take(asked)


def _take(asked: socket.socket) -> list[str]:
    """Fork once more: the child becomes what was asked for, and its parent tells how the child ended."""
    head, given, _, _ = socket.recv_fds(asked, 4, 2)
    request = json.loads(_exactly(asked, int.from_bytes(head, "big")))
    child = os.fork()
    if child != 0:
        for descriptor in given:
            os.close(descriptor)
        status = os.waitpid(child, 0)[1]
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM):
            asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    asked.close()
    for descriptor, standard in zip(given, (1, 2), strict=True):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    signal.alarm(_SECONDS)
    surroundings.enter(request["env"])
    command: list[str] = request["command"]
    return command


def _exactly(asked: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (part := asked.recv(size - len(found))):
            raise EOFError("who asked has gone")
        found += part
    return found


if __name__ == "__main__":
    import app.factory  # noqa: F401 - what every command imports

    sys.argv = _serve(*(socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:]))
    runpy.run_module(sys.argv.pop(0), run_name="__main__", alter_sys=True)
