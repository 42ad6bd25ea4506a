"""The /metrics endpoint while processes die and servers stall."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import subscribed
from tests.parts.waiting import eventually

# Far more than a scrape may take, far less than a stalled server would take.
PATIENCE_SECONDS = 8


def _scrape(product: Product) -> dict[str, float]:
    """Return samples by name, summed over all labels but `outcome` and `route`, whose values follow the name."""
    answer = requests.get(f"{product.url}/metrics", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = sample.labels
            name = " ".join([sample.name, *filter(None, (labels.get("outcome"), labels.get("route")))])
            totals[name] = totals.get(name, 0) + sample.value
    return totals


def _kill_one_of_the_web_processes(product: Product) -> None:
    killed = product.web_workers()[0]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: killed not in product.web_workers() and product.ready())


ISSUED = "fairboard_http_requests_total /api/v1/actions"
TIMED = "fairboard_http_request_seconds_count /api/v1/actions"


def test_every_request_is_counted_once_whichever_process_took_it_and_died(fragile: Product, anna: Player) -> None:
    before = _scrape(fragile)
    for _ in range(3):
        for _ in range(10):
            with closing(Api(fragile.url)) as api:  # a new connection: any of the processes may take it
                player = Player(api, anna.username, anna.password, anna.signed_in)
                action = player.issue()
                assert player.complete(action).status == 200
                assert player.complete(action).code == "token_already_used"
        _kill_one_of_the_web_processes(fragile)
    fragile.process("web").kill()
    fragile.process("web").start()
    after = _scrape(fragile)
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    assert grown[ISSUED] == 30
    assert grown[TIMED] == 30
    assert grown["fairboard_redemptions_total scored"] == 30
    assert grown["fairboard_redemptions_total token_already_used"] == 30


def test_the_sockets_of_a_killed_server_are_gone(fragile: Product, anna: Player) -> None:
    with subscribed(fragile.url, anna.access_token), subscribed(fragile.url, anna.access_token):
        eventually(lambda: _scrape(fragile)["fairboard_sockets"] == 2)
        fragile.process("web").kill()
        fragile.process("web").start()
        eventually(lambda: _scrape(fragile).get("fairboard_sockets", 0) == 0)


@pytest.mark.parametrize(("part", "gauge"), [("postgres", "fairboard_database_up"), ("redis", "fairboard_redis_up")])
def test_a_scrape_tells_that_a_server_has_stalled(fragile: Product, part: str, gauge: str) -> None:
    assert _scrape(fragile)[gauge] == 1
    fragile.process(part).pause()
    try:
        totals = _scrape(fragile)
        assert totals[gauge] == 0
        assert ISSUED in totals, "what was counted is told all the same"
    finally:
        fragile.process(part).resume()
    eventually(lambda: _scrape(fragile)[gauge] == 1, within=60)


def test_what_the_workers_and_the_relay_did_is_told_by_the_web(fragile: Product, anna: Player) -> None:
    before = _scrape(fragile)
    anna.score_once()

    def has_grown() -> bool:
        totals = _scrape(fragile)
        names = "fairboard_relay_published_total", "fairboard_task_seconds_count done"
        return all(totals.get(name, 0) > before.get(name, 0) for name in names)

    eventually(has_grown)
