"""The capacity model: costs of the parts of a load, the ends of single parts, and the tables that name them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from app.services.boards import outbox
from app.settings import Settings
from bench.capacity_costs import combine, from_cluster, from_performance
from bench.capacity_model import (
    BATCH_ROWS,
    BATCH_SECONDS,
    Assumptions,
    Costs,
    Demand,
    busy,
    ends,
    needs,
    predicted_rate,
    relays,
)
from bench.capacity_page import Machine, check_section, costs_of, write
from bench.capacity_run import Run, Turn, Writes
from devstack.child import ROOT

PAGE, PERFORMANCE = ROOT / "docs/scale.md", ROOT / "docs/performance.md"
_ONE = Costs(**{cost.name: 1.0 for cost in fields(Costs)})
_PLAIN = Assumptions(utilization=0.5, standbys=2)


def test_a_redemption_costs_each_process_its_part_and_a_batch_comes_for_each_relay() -> None:
    cores = busy(Demand("", redeems=1000, hot_share=0.25), replace(_ONE, web=2.0, redis_board=4.0), _PLAIN)
    assert cores == pytest.approx(
        {
            "API servers": 3.0,
            "nginx": 2.0,
            "PostgreSQL, primary": 2.0,
            "PostgreSQL, standbys": 2.0,
            "Redis, shard of the board": 1.0,
            "Redis, other shards": 5.0,
            "Redis, replicas": 1.0,
            "relays": 1.01,
            "workers": 1.01,
            "broker": 0.01,
            "WebSocket servers": 0.0,
        }
    )


def test_pushes_cost_screens_and_not_redemptions() -> None:
    few, many = (
        busy(Demand("", redeems=redeems, screens=1e6, pushes=1.0), replace(_ONE, push=10.0), _PLAIN)
        for redeems in (1_000, 100_000)
    )
    assert few["WebSocket servers"] == many["WebSocket servers"] == pytest.approx(11.0)


def test_cores_are_planned_with_room_and_memory_and_network_have_their_price() -> None:
    demand = Demand("", screens=1_000_000, pushes=1.0)
    plan = needs(demand, replace(_ONE, push=10.0, socket_memory=100.0, frame=1000.0), _PLAIN)
    assert plan.cores["WebSocket servers"] == 22
    assert plan.cores["nginx"] == 2
    assert plan.socket_gb == 100.0
    assert plan.gbit == 8.0
    assert plan.price == plan.total * 25 + (100 - 22 * 4) * 3
    assert plan.network_flat == 8 * 500
    assert plan.network_metered == pytest.approx(1e9 * 30 * 86_400 / 1e9 * 0.05)
    assert plan.past == []


def test_a_relay_takes_a_batch_in_each_interval_and_no_more() -> None:
    assert [relays(rate) for rate in (0, 1, 10_000, 10_001, 95_000)] == [0, 1, 1, 2, 10]
    assert ends(replace(_ONE, relay=0.01), _PLAIN)["one relay"] == 10_000
    assert ends(replace(_ONE, relay=0.5, relay_batch=10.0), _PLAIN)["one relay"] == 1800


def test_parts_past_their_end_are_named_the_fullest_first() -> None:
    costs = replace(_ONE, redis_board=0.1, web=0.0001, start_web=0.0, relay=0.01, primary=1.0, start_primary=0.0)
    assert ends(costs, _PLAIN, hot_share=0.5)["one Redis shard, of the board"] == 20_000
    plan = needs(Demand("", redeems=65_000), costs, replace(_PLAIN, primary_cores=64, flushes=1e6))
    assert plan.past == ["one Redis shard, of the board", "primary, cores"]
    assert plan.cores["relays"] == 7


def test_a_rate_is_bound_by_the_cores_or_by_the_servers_processes() -> None:
    assert predicted_rate(2.0, 0.5, total_ms=3.0, web_ms=2.0, servers=1) == pytest.approx(500)
    assert predicted_rate(8.0, 0.5, total_ms=3.0, web_ms=2.0, servers=1) == pytest.approx(500)
    assert predicted_rate(8.0, 0.5, total_ms=3.0, web_ms=2.0, servers=4) == pytest.approx(2000)


def test_the_model_takes_batches_as_the_relay_does() -> None:
    assert BATCH_ROWS == outbox.BATCH_ROWS
    assert Settings.model_fields["broadcast_seconds"].default == BATCH_SECONDS


def test_costs_of_a_batch_are_told_from_those_of_a_redemption() -> None:
    costs = from_performance(PERFORMANCE.read_text())
    assert costs["push"] > 0
    page = _performance(relay=("0.60", "0.20"))
    # 100 a second at 0.6 ms are 60 ms, 900 at 0.2 ms are 180: 0.15 ms each, and 45 ms a second in ten batches.
    costs = from_performance(page)
    assert (costs["relay"], costs["relay_batch"]) == pytest.approx((0.15, 4.5))
    assert (costs["socket"], costs["frame"], costs["socket_memory"]) == (10.0, 1645.0, 30.0)


def _turn(servers: int, rate: float) -> Turn:
    cpu_ms = {
        "web": 0.7,
        "nginx": 0.1,
        "PostgreSQL": 0.4,
        "relay": 0.1,
        "workers": 0.3,
        "standbys": 0.2,
        "Redis 1": 0.05,
        "Redis 2": 0.15,
        "Redis 3": 0.07,
    }
    return Turn(servers, rate, cpu_ms | {"Redis replicas": 0.08, "RabbitMQ": 0.2}, client_ms=0.15, others=0.5)


_RUN = Run(
    [_turn(servers, rate) for servers, rate in ((1, 200.0), (3, 200.0), (1, 600.0), (3, 600.0))],
    idle={"RabbitMQ": 0.25},
    issue_ms={"web": 1.0, "nginx": 0.1, "PostgreSQL": 0.6, "Redis 1": 0.02, "Redis 2": 0.02, "Redis 3": 0.01},
    full_batch_ms={"relay": 0.05, "workers": 0.1, "PostgreSQL": 0.02, "RabbitMQ": 0.01},
    writes=Writes(wal_bytes=1500.0, ledger_bytes=300.0, commits=0.5, flushes=0.2),
)


def test_the_busiest_master_has_the_board_and_all_have_players() -> None:
    costs = from_cluster(_RUN)
    assert (costs["redis_players"], costs["redis_board"]) == pytest.approx((0.18, 0.09))
    assert (costs["standby"], costs["start_redis"]) == pytest.approx((0.1, 0.05))
    assert costs["broker_batch"] == pytest.approx(0.2 * 400 / 10)  # 400 a second in ten batches
    assert combine(from_performance(PERFORMANCE.read_text()), costs).ledger == 300.0


def test_the_check_predicts_from_one_server_and_the_cores_that_others_left() -> None:
    section = check_section(_RUN, Machine("a machine", cores=2, load=4.0), "today", _ONE)
    # (2 - 0.5 - 0.25) cores / 2.5 ms = 500 a second, which one process of 0.7 ms can serve.
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in section.splitlines() if line.startswith("| ")]
    assert "3 servers: 1.50 ms. From the costs of the other page the model has 4.07 ms at this rate." in section
    assert "the relay 0.050 ms (the model: 1.001)" in section
    assert rows[1:3] == [["1", "300", "500", "0.60"], ["3", "300", "500", "0.60"]]


def test_a_cost_that_nothing_measured_is_missed() -> None:
    with pytest.raises(TypeError, match="ledger"):
        combine(from_performance(PERFORMANCE.read_text()))


def test_the_page_shows_the_model_of_the_costs_that_it_names(tmp_path: Path) -> None:
    anew = tmp_path / "scale.md"
    anew.write_text(PAGE.read_text())
    write(anew, costs_of(PAGE.read_text()), PERFORMANCE.read_text(), Assumptions())
    assert anew.read_text() == PAGE.read_text()


def _performance(relay: tuple[str, str]) -> str:
    return f"""
| connections | redeems/s | p50    |
|-------------|-----------|--------|
| 1           | 100       | 1.0 ms |
| 64          | 900       | 1.0 ms |

| connections | web  | postgres | worker | redis | relay      | beat |
|-------------|------|----------|--------|-------|------------|------|
| 1           | 1.55 | 0.64     | 0.41   | 0.38  | {relay[0]} | 0.04 |
| 64          | 1.33 | 0.34     | 0.23   | 0.19  | {relay[1]} | 0.02 |

| subscribers     |           | CPU per push | idle      |
|-----------------|-----------|--------------|-----------|
| 5,000 x 1,645 B | Fairboard | 11.7 µs      | 50.0 ms/s |

An idle subscriber costs 30 kB of resident memory (2,000 sockets, all web workers).
"""
