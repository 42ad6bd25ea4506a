"""devstack/watch.py: a process that keeps ending is restarted again and again, and recovers once it can."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import __main__ as launcher
from devstack.child import Child
from devstack.group import Group, Progress
from devstack.watch import Watch
from tests.parts.waiting import eventually


class Fragile(Child):
    """A child that ends at once, or can't even be prepared, until its room exists."""

    name = "fragile"

    def __init__(self, folder: Path, *, prepares: bool) -> None:
        super().__init__(folder / "log" / "fragile.log")
        self.room, self._prepares, self.starts = folder / "room", prepares, 0

    def prepare(self) -> None:
        self.starts += 1
        if not self._prepares and not self.room.exists():
            raise OSError(28, "No space left on device")

    def command(self) -> list[str]:
        return ["sh", "-c", f'test -e "{self.room}" || exit 1; exec sleep 600']


class Small(Group):
    """A group of one process."""

    def __init__(self, folder: Path, child: Child) -> None:
        super().__init__(folder)
        self._processes["fragile"] = child

    @property
    def url(self) -> str:
        raise NotImplementedError

    def _start_all(self, progress: Progress) -> None:
        raise NotImplementedError


@pytest.fixture(params=[True, False], ids=["it ends at once", "it can't be prepared"])
def fragile(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fragile]:
    child = Fragile(tmp_path, prepares=request.param)
    yield child
    child.kill()


def test_what_keeps_ending_is_never_given_up(fragile: Fragile, tmp_path: Path) -> None:
    lines: list[str] = []
    watch = Watch(Small(tmp_path, fragile), lines.append, pause=0.02)

    def keeps_trying() -> bool:
        watch.step()
        return fragile.starts > 12

    eventually(keeps_trying, every=0.01)
    assert any("it keeps ending" in line for line in lines)
    fragile.room.touch()

    def lives() -> bool:
        watch.step()
        return fragile.is_running

    eventually(lives, every=0.01)
    watch.close()


def test_a_child_whose_log_cannot_be_written_is_started_without(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    child = Fragile(tmp_path, prepares=True)
    child.room.touch()
    child.start()
    assert child.is_running
    child.kill()


class Last:
    """An object whose end asks this process to stop, where Python ignores the exception of the handler."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_python_ignores_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher._Stop, "is_requested", False)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    launcher._set_signal_handlers(launcher._raise_stop)
    try:
        Last()
        with pytest.raises(launcher._Stop):
            launcher._watch(launcher._Session(Small(tmp_path, Fragile(tmp_path, prepares=True)), "var"))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
