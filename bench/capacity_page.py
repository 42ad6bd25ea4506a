"""The tables of docs/scale.md: the costs, the machines for a load, the ends of single parts, and the check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from app.tables import markdown_table
from bench.capacity_costs import from_performance, rounded
from bench.capacity_model import (
    BATCH_ROWS,
    BATCH_SECONDS,
    Assumptions,
    Costs,
    Demand,
    Needs,
    ends,
    needs,
    predicted_rate,
)
from bench.capacity_run import CONNECTIONS, Run
from bench.sections import put

DEMANDS = (
    Demand("1,000 redeems/s", redeems=1_000),
    Demand("10,000 redeems/s", redeems=10_000),
    Demand("100,000 redeems/s", redeems=100_000),
    Demand("10 million sockets, a push a second", screens=10_000_000, pushes=1.0),
    Demand("10 million readers, each every 5 s", reads=2_000_000),
)
_ROW = re.compile(r"^\| (.+?) +\| ([\d.,]+) +\| .* \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of a run: its name, its cores, and its load average at the end."""

    name: str
    cores: int
    load: float


def costs_table(costs: Costs, performance: str) -> str:
    """Return the costs, each with its source; `performance` is the page of the figures."""
    own = from_performance(performance)
    labels = {label: name for name, label in zip(Costs.__dataclass_fields__, costs.labelled(), strict=True)}
    rows = [
        (label, f"{value:,}", "performance" if labels[label] in own else "cluster")
        for label, value in costs.labelled().items()
    ]
    return markdown_table(rows, ("cost", "measured", "from"))


def costs_of(page: str) -> Costs:
    """Return the costs that a page names. Raises `KeyError` for one that is missing."""
    return Costs.of_labels({label: float(value.replace(",", "")) for label, value in _ROW.findall(page)})


def demands_table(costs: Costs, assumptions: Assumptions) -> str:
    """Return the cores of each kind for each of `DEMANDS`, memory, network, storage and price."""
    results = [needs(demand, costs, assumptions) for demand in DEMANDS]
    rows = [(kind, *(_count(result.cores[kind]) for result in results)) for kind in results[0].cores]
    rows += [
        ("**cores in all**", *(f"**{result.total:,}**" for result in results)),
        ("memory of sockets, GB", *(_count(result.socket_gb) for result in results)),
        ("pushes and reads on the network, Gbit/s", *(_count(result.gbit) for result in results)),
        ("growth of the ledger, GB a day", *(_count(result.ledger_gb_day) for result in results)),
        ("machines, $ a month", *(_dollars(result.price) for result in results)),
        ("network by volume, $ a month", *(_dollars(result.network_metered) for result in results)),
        ("network by capacity, $ a month", *(_dollars(result.network_flat) for result in results)),
        (f"single parts over {assumptions.utilization:.0%}", *(_parts(result) for result in results)),
    ]
    return markdown_table(rows, ("cores", *(demand.name for demand in DEMANDS)))


def ends_table(costs: Costs, assumptions: Assumptions) -> str:
    """Return the load at which each single part is full, the first one first."""
    full = sorted(ends(costs, assumptions).items(), key=lambda item: item[1])
    return markdown_table([(part, f"{rounded(rate):,.0f}") for part, rate in full], ("part", "full at redeems/s"))


def check_section(run: Run, machine: Machine, when: str, costs: Costs) -> str:
    """Return the measured rates beside those that the model predicts from the turns on one server."""
    idle = sum(run.idle.values())
    first = run.on(1)
    rows = []
    for servers in sorted({turn.servers for turn in run.turns}):
        turn = run.on(servers)
        predicted = predicted_rate(
            machine.cores - turn.others, idle, first.total_ms + first.client_ms, first.cpu_ms["web"], servers
        )
        rows.append(
            (
                str(servers),
                f"{turn.rate:,.0f}",
                f"{predicted:,.0f}",
                f"{turn.rate / predicted:.2f}",
                f"{turn.total_ms:.2f} ms",
                f"{turn.total_ms / first.total_ms:.2f}",
                f"{run.spread(servers):.0%}",
                f"{turn.others:.2f}",
            )
        )
    head = (
        "API servers",
        "redeems/s",
        "predicted",
        "ratio",
        "CPU per redeem",
        "of one server's",
        "spread",
        "others, cores",
    )
    intro = (
        f"`python -m bench.capacity`, measured {when}: {machine.name}, load average {machine.load:.1f} at the end, "
        f"{CONNECTIONS} connections through nginx, {len(run.turns) // len(rows)} turns for each number. At rest the "
        f"cluster uses {idle:.2f} cores. For each redemption: {run.writes.commits:.2f} commits, "
        f"{run.writes.flushes:.2f} flushes of WAL, {run.writes.wal_bytes:,.0f} bytes of WAL."
    )
    by_kind = "CPU milliseconds of a redeem, by process:"
    notes = _totals(run, costs), _batches(run, costs)
    return "\n\n".join((intro, markdown_table(rows, head), by_kind, _by_kind(run), *notes))


def _totals(run: Run, costs: Costs) -> str:
    """Return the cost of a redemption in the processes that the page of the figures knows, beside the model's."""
    turn = run.on(max(turn.servers for turn in run.turns))
    batches = 1 / BATCH_SECONDS / turn.rate
    model = costs.web + costs.primary + costs.relay + costs.worker + batches * (costs.relay_batch + costs.worker_batch)
    measured = sum(turn.cpu_ms[kind] for kind in ("web", "PostgreSQL", "relay", "workers"))
    return (
        f"API servers, primary, relay and workers together, on {turn.servers} servers: {measured:.2f} ms. From the "
        f"costs of the other page the model has {model:.2f} ms at this rate."
    )


def _batches(run: Run, costs: Costs) -> str:
    """Return the cost of full batches beside the model's."""
    relay, worker = (
        redeem_ms + batch_ms / BATCH_ROWS
        for redeem_ms, batch_ms in ((costs.relay, costs.relay_batch), (costs.worker, costs.worker_batch))
    )
    measured = run.full_batch_ms
    return (
        f"A relay that stood still, and then took batches of {BATCH_ROWS:,} rows with as many players: for each "
        f"redemption the relay {measured['relay']:.3f} ms (the model: {relay:.3f}), the workers "
        f"{measured['workers']:.3f} ms ({worker:.3f}), the primary {measured['PostgreSQL']:.3f} ms, RabbitMQ "
        f"{measured['RabbitMQ']:.3f} ms."
    )


def write(page: Path, costs: Costs, performance: str, assumptions: Assumptions) -> None:
    """Put the tables that follow from the costs into the page, between their markers."""
    put(page, "costs", costs_table(costs, performance))
    put(page, "demands", demands_table(costs, assumptions))
    put(page, "ends", ends_table(costs, assumptions))


def _by_kind(run: Run) -> str:
    counts = sorted({turn.servers for turn in run.turns})
    turns = [run.on(servers) for servers in counts]
    kinds = sorted(turns[0].cpu_ms, key=lambda kind: -turns[0].cpu_ms[kind])
    rows = [(kind, *(f"{turn.cpu_ms[kind]:.2f}" for turn in turns)) for kind in kinds]
    rows.append(("load generator", *(f"{turn.client_ms:.2f}" for turn in turns)))
    return markdown_table(rows, ("", *(f"{count} API server{'s' if count > 1 else ''}" for count in counts)))


def _count(value: float) -> str:
    return f"{rounded(value):,.0f}" if value else ""


def _dollars(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}" if value else ""


def _parts(result: Needs) -> str:
    return "; ".join(result.past)
