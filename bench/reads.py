"""Reads of the top ten from the cache, beside a bare Flask route on the same gunicorn configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.accounts import cpu, cpu_of, spent
from bench.bare import PATH, BareWeb
from bench.load import Load, Request, send
from bench.stage import another_web
from devstack.stack import Stack

_CONNECTIONS = 16
_TOP: list[Request] = [{"method": "GET", "path": "/api/v1/leaderboard/top"}]
_BARE: list[Request] = [{"method": "GET", "path": PATH}]
_HIT = "X-Cache: HIT"


@dataclass(frozen=True, slots=True)
class Route:
    """Answers a second, CPU milliseconds of the servers for each, and the load generator's own."""

    rate: float
    cpu_ms: float
    client_ms: float


@dataclass(frozen=True, slots=True)
class Reads:
    """Both routes at the same number of connections; `turns` are the ratios of the turns."""

    connections: int
    top: Route
    bare: Route
    turns: Sequence[float]

    @property
    def ratio(self) -> float:
        """Return the reads a second as a multiple of the bare route's."""
        return self.top.rate / self.bare.rate


def measure(stack: Stack, reads: int, turns: int) -> Reads:
    """Measure `reads` of each route, in alternating `turns`, so that a change of the machine's speed hits both."""
    with another_web(stack, BareWeb) as bare:
        for url, requests in ((stack.url, _TOP), (bare.url, _BARE)):
            send(url, requests, connections=_CONNECTIONS, repeat=reads // turns // 4)
        top_runs, bare_runs = [], []
        for _ in range(turns):
            top_runs.append(_top(stack, reads // turns))
            bare_runs.append(_bare(bare, reads // turns))
    ratios = [top.rate / bare.rate for (top, _), (bare, _) in zip(top_runs, bare_runs, strict=True)]
    return Reads(_CONNECTIONS, _sum(top_runs), _sum(bare_runs), ratios)


def _top(stack: Stack, count: int) -> tuple[Load, float]:
    before = cpu(stack)
    load = send(stack.url, _TOP, connections=_CONNECTIONS, repeat=count, needle=_HIT)
    return load, sum(spent(before, cpu(stack)).values())


def _bare(web: BareWeb, count: int) -> tuple[Load, float]:
    before = cpu_of(web.pid)
    load = send(web.url, _BARE, connections=_CONNECTIONS, repeat=count)
    return load, cpu_of(web.pid) - before


def _sum(runs: list[tuple[Load, float]]) -> Route:
    answers = sum(load.answers for load, _ in runs)
    seconds = sum(load.seconds for load, _ in runs)
    per_answer = 1000 / answers
    return Route(
        answers / seconds,
        sum(cpu_seconds for _, cpu_seconds in runs) * per_answer,
        sum(load.cpu for load, _ in runs) * per_answer,
    )
