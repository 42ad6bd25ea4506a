"""One request id runs from the request to the screens."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.parts.client import Answer, Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import subscribed
from tests.parts.waiting import eventually


def _lines(product: Product, process: str, *words: str) -> list[str]:
    """Return the lines of a process's log that hold all of these words."""
    log = product.stack.folder.path / "log" / f"{process}.log"
    return [line for line in log.read_text(errors="replace").splitlines() if all(word in line for word in words)]


def _complete(player: Player, action: dict[str, Any], own_id: str) -> Answer:
    path = f"/actions/{action['action_id']}/complete"
    return player.post(path, {"token": action["token"]}, headers={"X-Request-ID": own_id})


def test_the_id_of_a_redemption_is_in_the_request_the_event_the_relay_the_task_and_the_push(
    product: Product, api: Api, anna: Player
) -> None:
    own_id = f"trace-{uuid4().hex}"
    with subscribed(product.url, api.register().access_token):
        action = anna.issue()
        answer = _complete(anna, action, own_id)
        assert answer.status == 200
        assert answer.headers["X-Request-ID"] == own_id
        assert (
            product.query_value("SELECT request_id FROM score_events WHERE action_id = %s", action["action_id"])
            == own_id
        )
        places = {"relay": "published", "worker": "board_refreshed", "web": "board_pushed"}
        assert _lines(product, "web", "request", own_id)
        eventually(lambda: all(_lines(product, process, event, own_id) for process, event in places.items()))


def test_what_is_logged_on_the_way_to_a_refusal_has_its_id(product: Product, api: Api, anna: Player) -> None:
    own_id, forged = f"forged-{uuid4().hex}", anna.issue()
    forged["token"] = forged["token"][:-4] + "AAAA"
    assert _complete(anna, forged, own_id).code == "invalid_signature"
    assert _lines(product, "web", "forged_token", own_id)
    assert _lines(product, "web", "request", "invalid_signature", own_id)


def test_a_request_that_only_reads_has_no_line(product: Product, api: Api) -> None:
    own_id = f"read-{uuid4().hex}"
    assert api.get("/action-types", headers={"X-Request-ID": own_id}).status == 200
    assert api.get("/no-such-path", headers={"X-Request-ID": own_id}).status == 404
    assert not _lines(product, "web", own_id)
