"""PostgreSQL or Redis answers but refuses to work: clients get nothing but 503, and no task is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from celery import Celery

from tests.parts.client import Api, Player
from tests.parts.product import Product, has_rabbitmq
from tests.parts.subscriber import refused_upgrade, subscribed
from tests.parts.waiting import eventually
from workers.broker import plain_app


@contextmanager
def _full_redis(product: Product) -> Iterator[None]:
    product.redis().config_set("maxmemory", 1)
    try:
        yield
    finally:
        product.redis().config_set("maxmemory", 0)


@contextmanager
def _read_only_postgres(product: Product) -> Iterator[None]:
    url, options = product.stack.postgres.admin_url("fairboard"), "-c default_transaction_read_only=off"
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        try:
            eventually(lambda: product.query_value("SHOW default_transaction_read_only") == "on")
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")


REFUSING = {"redis": _full_redis, "postgresql": _read_only_postgres}


@pytest.mark.parametrize("part", REFUSING)
def test_a_part_that_refuses_is_named_and_tasks_wait_for_it(
    part: str, fragile: Product, api: Api, anna: Player, watcher: Player
) -> None:
    if not has_rabbitmq():
        pytest.skip("rabbitmq-server is not installed")
    action, log = anna.issue(), fragile.process("worker").log
    log_size = log.stat().st_size
    with subscribed(fragile.url, watcher.access_token) as socket:
        with REFUSING[part](fragile):
            ready = eventually(lambda: (answer := api.get("//readyz")).status == 503 and answer)
            assert [detail["part"] for detail in ready.details] == [part]
            assert ready.headers["Retry-After"]
            answer = anna.complete(action, key="k")
            assert answer.refusal == (503, "unavailable")
            assert answer.headers["Retry-After"]
            if part == "redis":
                assert refused_upgrade(fragile.url) == 503
            _send_refresh(plain_app(fragile.env["BROKER_URL"]), anna)
            eventually(lambda: "Retry in" in log.read_text()[log_size:], within=30)
        eventually(fragile.ready)
        assert anna.complete(action, key="k").data["score"] == {"previous": 1, "current": 2}
        socket.until_change(anna.user_id, 2, within=30)
    assert fragile.run_json("queues", "status")["dead"] == 0


def _send_refresh(broker: Celery, player: Player) -> None:
    facts = {"season_id": 1, "players": [player.user_id], "events": [], "request_ids": []}
    broker.send_task("leaderboard.refresh", kwargs=facts)
    broker.close()
