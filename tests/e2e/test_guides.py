"""The guides of docs/, followed on a product of their own: their commands run as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devstack.child import ROOT
from tests.parts.client import Api
from tests.parts.guides import Reader, blocks
from tests.parts.product import Product, running, wait_until_settled
from tests.parts.waiting import eventually


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start a product that these guides alone use, and wait until all of it works."""
    with running(tmp_path_factory.mktemp("guides"), {}, broker="redis") as started:
        eventually(lambda: started.flask("doctor").returncode == 0, within=60)
        yield started


@pytest.fixture(scope="module")
def reader(own: Product, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(own, tmp_path_factory.mktemp("project"))


@pytest.fixture
def own_api(own: Product) -> Iterator[Api]:
    """Yield a client of that product."""
    client = Api(own.url)
    yield client
    client.close()


def _messages(text: str) -> list[Any]:
    """Return the JSON objects that have a line of their own."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _shape(value: Any) -> Any:
    """Return the keys of a value at every level, and of a list those of its first item."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value[:1]] if isinstance(value, list) else None


def test_the_api_by_hand_answers_as_the_page_shows(reader: Reader) -> None:
    page = "tutorials/main-flow.md"
    output = reader.follow(page)
    expected = "".join(block.text for block in blocks(ROOT / "docs" / page, "text"))
    assert [_shape(message) for message in _messages(output)] == [_shape(message) for message in _messages(expected)]
    assert "\nIdempotency-Replayed: true" in output
    assert [message["error"]["code"] for message in _messages(output) if "error" in message] == ["token_already_used"]


def test_a_games_server_submits_scores_that_count_once(reader: Reader) -> None:
    page = "tutorials/game-server.md"
    (expected,) = blocks(ROOT / "docs" / page, "text")
    assert expected.text in reader.follow(page)


def _make_key(own: Product, _: Api) -> dict[str, str]:
    own.run_json("keys", "create", "game-server", "--scope", "score")
    return {}


def _appeal(own: Product, own_api: Api) -> dict[str, str]:
    """Let a player be suspended and appeal; return the id of the case."""
    player = own_api.register()
    for _ in range(2):
        player.complete(player.issue("boss-fight"))
    assert player.post("/me/appeal", {"text": "I play with a switch."}).status == 201
    (case,) = own.run_json("anticheat", "cases", "--appealed")
    return {"CASE": case["case_id"]}


def _nothing(_: Product, __: Api) -> dict[str, str]:
    return {}


@pytest.mark.parametrize(
    ("page", "prepare", "end"),
    [
        ("howto/seasons.md", _nothing, "2099-01-01"),
        ("howto/rotate-keys.md", _make_key, "game-server"),
        ("howto/tune.md", _nothing, ""),
        ("howto/appeals.md", _appeal, "Cleared "),
        ("howto/faults.md", _nothing, "Everything needed is there."),
        ("operations/README.md", _nothing, "Everything needed is there."),
    ],
    ids=["seasons.md", "rotate-keys.md", "tune.md", "appeals.md", "faults.md", "README.md"],
)
def test_a_how_to_can_be_followed(
    page: str, prepare: Callable[[Product, Api], dict[str, str]], end: str, reader: Reader, own: Product, own_api: Api
) -> None:
    assert end in reader.follow(page, prepare(own, own_api))


def test_a_backup_is_restored_as_the_page_says(reader: Reader, own: Product, own_api: Api) -> None:
    page = "howto/backup.md"
    player = own_api.register()
    player.score_once("tap")
    reader.follow(page, part=slice(0, 1))
    player.score_once("tap")
    processes = [own.process(name) for name in ("web", "worker", "beat", "relay")]
    for process in processes:
        process.ask_to_stop()
    for process in processes:
        process.stop()
    reader.follow(page, part=slice(1, 2))
    for process in processes:
        process.launch()
    for process in processes:
        process.wait_until_answers()
    eventually(lambda: own.flask("doctor").returncode == 0, within=60)
    reader.follow(page, part=slice(2, 3))
    assert own.run_json("leaderboard", "rank", player.username)["score"] == 1
    wait_until_settled(own)
