"""The crowd (bench/faults/crowd.py) for the drill: started once, commanded in lines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from bench.faults.redeemers import SubmittedAction
from bench.load import BenchFailed
from bench.players import BenchPlayer
from devstack.child import ROOT

_GAP_SECONDS = 1.0
CUT_OFF = "cut off"
"""The ending of a socket whose server is gone."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A subscriber's screen: for each list that came, when (Unix seconds) and the oldest `achieved_at` in it.

    Empty lists are left out.
    """

    board: str
    boards: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase as clients saw it. `saw`: answers by status and code; `endings`: sockets by how they ended.

    `degraded`: seconds in which answers failed or took over a second, pauses of up to a second in between included.
    `silence`: the longest time in which a screen got no board. `went_back`: boards older than the one before.
    `screens` is empty unless the crowd keeps the times of boards.
    """

    actions: list[SubmittedAction]
    saw: dict[str, int]
    degraded: float
    slowest: float
    silence: float
    went_back: int
    endings: dict[str, int]
    screens: list[Screen] = field(default_factory=list)


class CrowdProcess:
    """Players and subscribers, connected when the `with` block begins."""

    def __init__(
        self,
        folder: Path,
        url: str,
        players: Sequence[BenchPlayer],
        watchers: Sequence[BenchPlayer],
        *,
        boards: Sequence[str],
        sockets: int,
        rate: float,
        keeps_times: bool = False,
    ) -> None:
        address = urlsplit(url)
        self._plan = folder / "crowd.json"
        self._plan.write_text(
            json.dumps(
                {
                    "host": address.hostname,
                    "port": address.port,
                    "players": [player.access_token for player in players],
                    "watchers": [player.access_token for player in watchers],
                    "boards": list(boards),
                    "sockets": sockets,
                    "rate": rate,
                    "keeps_times": keeps_times,
                }
            )
        )
        self.sockets = sockets

    def __enter__(self) -> CrowdProcess:
        command = [sys.executable, "-m", "bench.faults.crowd", str(self._plan)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            self._read_line()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def begin(self) -> None:
        """Let the players redeem from now on."""
        self._send_command("begin")

    def rest(self) -> Phase:
        """Wait until every request has been answered, and return the phase."""
        report = self._send_command("rest")
        bad_spans = report.pop("bad")
        return Phase(
            [SubmittedAction(**action) for action in report.pop("actions")],
            screens=[Screen(**screen) for screen in report.pop("screens")],
            degraded=_covered(bad_spans),
            **report,
        )

    def seen(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the phase so far: answers by status and code, and sockets by how they ended."""
        seen = self._send_command("seen")
        return seen["saw"], seen["endings"]

    def boards(self) -> dict[str, Any]:
        """Return the boards on the screens: `{"connected", "boards": [{"board", "count", "rows"}]}`."""
        return self._send_command("boards")

    def _send_command(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        reply: dict[str, Any] = json.loads(self._read_line())
        return reply

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            errors = self._process.stderr.read().strip()
            raise BenchFailed(f"the crowd died: {errors.splitlines()[-1] if errors else 'no output'}")
        return line

    def _stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def _covered(spans: list[list[float]]) -> float:
    """Return the seconds that the spans cover together; spans less than a second apart count as one."""
    total, covered_until = 0.0, float("-inf")
    for span_start, span_end in sorted(spans):
        start = span_start if span_start - covered_until > _GAP_SECONDS else covered_until
        total += max(0.0, span_end - start)
        covered_until = max(covered_until, span_end)
    return total
