"""A model of the machines that a load needs: measured costs times the load, and where each single part ends.

It adds up CPU. It knows no queues: a part is planned at `Assumptions.utilization` of its cores, and no latency follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

BATCH_ROWS = 1000  # a relay takes as many rows of the outbox at most …
BATCH_SECONDS = 0.1  # … once in this time (BROADCAST_SECONDS)
_BOARD, _FLUSHES, _CORES, _WAL = "one Redis shard, of the board", "primary, flushes", "primary, cores", "primary, WAL"
_SINGLE = (_BOARD, _FLUSHES, _CORES, _WAL)  # of these there is no second one that takes a part of the load
_MONTH_SECONDS = 30 * 86_400


def _cost(label: str) -> float:
    value: float = field(metadata={"label": label})
    return value


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs: CPU milliseconds of a redemption by kind of process, unless the label has another unit."""

    web: float = _cost("a redeem, API server, ms")
    nginx: float = _cost("a redeem, nginx, ms")
    primary: float = _cost("a redeem, primary, ms")
    standby: float = _cost("a redeem, each standby, ms")
    redis_players: float = _cost("a redeem, Redis shards of the players, ms")
    redis_board: float = _cost("a redeem, Redis shard of the board, ms")
    redis_replica: float = _cost("a redeem, Redis replicas, ms")
    relay: float = _cost("a redeem, relay, ms")
    worker: float = _cost("a redeem, workers, ms")
    relay_batch: float = _cost("a batch, relay, ms")
    worker_batch: float = _cost("a batch, workers, ms")
    broker_batch: float = _cost("a batch, broker, ms")
    start_web: float = _cost("the start of an action, API server, ms")
    start_nginx: float = _cost("the start of an action, nginx, ms")
    start_primary: float = _cost("the start of an action, primary, ms")
    start_redis: float = _cost("the start of an action, Redis shards of the players, ms")
    read: float = _cost("a read of the top ten, nginx's cache, ms")
    push: float = _cost("a push, WebSocket server, µs")
    push_nginx: float = _cost("a push, nginx, µs")
    socket: float = _cost("a socket at rest, WebSocket server, µs a second")
    socket_redis: float = _cost("a socket at rest, Redis, µs a second")
    socket_memory: float = _cost("a socket, memory of the WebSocket server, kB")
    frame: float = _cost("a push, on the network, bytes")
    wal: float = _cost("a redeem, WAL of the primary, bytes")
    flushes: float = _cost("a redeem, flushes of WAL")
    ledger: float = _cost("a redeem, table and indexes of the ledger, bytes")

    @classmethod
    def of_labels(cls, values: Mapping[str, float]) -> Costs:
        """Return the costs from values by label. Raises `KeyError` for a label that is missing."""
        return cls(**{cost.name: values[cost.metadata["label"]] for cost in fields(cls)})

    def labelled(self) -> dict[str, float]:
        """Return the values by label, in order."""
        return {cost.metadata["label"]: getattr(self, cost.name) for cost in fields(self)}


@dataclass(frozen=True, slots=True)
class Demand:
    """A wanted load, each a second: redemptions (each with the start of its action), pushes to each screen, reads.

    `hot_share`: the share of the redemptions that feeds the busiest board.
    """

    name: str
    redeems: float = 0.0
    screens: float = 0.0
    pushes: float = 0.0
    reads: float = 0.0
    hot_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Chosen, not measured. Prices in dollars a month, those of the network for all that leaves.

    `utilization`: the share of a core that is planned. `memory_per_core`: GB that the price of a core includes.
    `primary_cores`, `wal_bytes`, `flushes`: the largest primary, and its disk's bytes and flushes a second.
    """

    utilization: float = 0.6
    standbys: int = 2
    core: float = 25.0
    memory_per_core: float = 4.0
    memory_gb: float = 3.0
    network_gb: float = 0.05
    network_gbit: float = 500.0
    primary_cores: int = 64
    wal_bytes: float = 1e9
    flushes: float = 10_000.0


@dataclass(frozen=True, slots=True)
class Needs:
    """The machines for a load. `cores`: planned cores by kind; `gbit`: pushes and reads, Gbit/s.

    `ledger_gb_day`: growth of the ledger. `past`: single parts that would be fuller than planned, the fullest first.
    """

    cores: dict[str, int]
    socket_gb: float
    gbit: float
    ledger_gb_day: float
    price: float
    network_metered: float
    network_flat: float
    past: list[str]

    @property
    def total(self) -> int:
        """Return the cores of all kinds."""
        return sum(self.cores.values())


def relays(redeems: float) -> int:
    """Return the relays that so many outbox rows a second need: each takes at most a batch in each interval."""
    return max(1, math.ceil(redeems * BATCH_SECONDS / BATCH_ROWS)) if redeems else 0


def busy(demand: Demand, costs: Costs, assumptions: Assumptions) -> dict[str, float]:
    """Return the busy cores of each kind."""
    redeems, pushed = demand.redeems, demand.screens * demand.pushes
    batches = relays(redeems) / BATCH_SECONDS
    milliseconds = {
        "API servers": redeems * (costs.web + costs.start_web),
        "nginx": redeems * (costs.nginx + costs.start_nginx)
        + demand.reads * costs.read
        + pushed * costs.push_nginx / 1e3,
        "PostgreSQL, primary": redeems * (costs.primary + costs.start_primary),
        "PostgreSQL, standbys": redeems * costs.standby * assumptions.standbys,
        "Redis, shard of the board": redeems * demand.hot_share * costs.redis_board,
        "Redis, other shards": redeems * (costs.redis_players + costs.start_redis)
        + redeems * (1 - demand.hot_share) * costs.redis_board
        + demand.screens * costs.socket_redis / 1e3,
        "Redis, replicas": redeems * costs.redis_replica,
        "relays": redeems * costs.relay + batches * costs.relay_batch,
        "workers": redeems * costs.worker + batches * costs.worker_batch,
        "broker": batches * costs.broker_batch,
        "WebSocket servers": (pushed * costs.push + demand.screens * costs.socket) / 1e3,
    }
    return {kind: value / 1e3 for kind, value in milliseconds.items()}


def needs(demand: Demand, costs: Costs, assumptions: Assumptions) -> Needs:
    """Return the machines for a load."""
    cores = {
        kind: max(math.ceil(value / assumptions.utilization), relays(demand.redeems) if kind == "relays" else 0)
        for kind, value in busy(demand, costs, assumptions).items()
    }
    socket_gb = demand.screens * costs.socket_memory / 1e6
    bytes_a_second = (demand.screens * demand.pushes + demand.reads) * costs.frame
    more_memory = max(0.0, socket_gb - cores["WebSocket servers"] * assumptions.memory_per_core)
    gbit = bytes_a_second * 8 / 1e9
    full = {part: demand.redeems / end for part, end in ends(costs, assumptions, demand.hot_share).items()}
    return Needs(
        cores,
        socket_gb,
        gbit,
        demand.redeems * costs.ledger * 86_400 / 1e9,
        sum(cores.values()) * assumptions.core + more_memory * assumptions.memory_gb,
        bytes_a_second * _MONTH_SECONDS / 1e9 * assumptions.network_gb,
        gbit * assumptions.network_gbit,
        [
            part
            for part, share in sorted(full.items(), key=lambda item: -item[1])
            if share > assumptions.utilization and part in _SINGLE
        ],
    )


def ends(costs: Costs, assumptions: Assumptions, hot_share: float = 1.0) -> dict[str, float]:
    """Return the redemptions a second at which each single part is full, one of each kind alone, by part."""
    batch_rate = 1 / BATCH_SECONDS
    relay_cpu = (1000 - batch_rate * costs.relay_batch) / costs.relay
    return {
        "one API server of one process": 1000 / (costs.web + costs.start_web),
        "one relay": min(BATCH_ROWS * batch_rate, relay_cpu),
        _BOARD: 1000 / (costs.redis_board * hot_share),
        _FLUSHES: assumptions.flushes / costs.flushes,
        _CORES: assumptions.primary_cores * 1000 / (costs.primary + costs.start_primary),
        _WAL: assumptions.wal_bytes / costs.wal,
        "one broker": BATCH_ROWS * 1000 / costs.broker_batch,
    }


def predicted_rate(cores: float, idle: float, total_ms: float, web_ms: float, servers: int) -> float:
    """Return the redemptions a second of a machine with `cores` free, of which `idle` are used without any load.

    `total_ms`: CPU of a redemption over all processes, the load generator's included; `web_ms`: the API server's part
    of it. A server of one process is full at one core.
    """
    return min((cores - idle) * 1000 / total_ms, servers * 1000 / web_ms)
