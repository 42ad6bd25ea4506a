"""Many requests at once: one wins, and the books show one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from tests.parts.client import PASSWORD, Answer, Api, Player, fresh_name
from tests.parts.product import Product
from tests.parts.waiting import eventually

T = TypeVar("T")
MANY = 50


def _at_once(product: Product, calls: Sequence[Callable[[Api], T]]) -> list[T]:
    """Start all calls together, each on a connection that is open already. Returns their results in order."""
    barrier = Barrier(len(calls))

    def start(call: Callable[[Api], T]) -> T:
        api = Api(product.url)
        try:
            api.get("//healthz")
            barrier.wait(timeout=30)
            return call(api)
        finally:
            api.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(start, calls))


def _complete(player: Player, action: dict[str, str], key: str | None = None) -> Callable[[Api], Answer]:
    return lambda api: Player(api, player.username, player.password, player.signed_in).complete(action, key=key)


def _events(product: Product, player: Player) -> int:
    return int(product.query_value("SELECT count(*) FROM score_events WHERE player_id = %s", player.user_id))


def test_fifty_with_one_token_score_once(fragile: Product, anna: Player) -> None:
    action = anna.issue()
    answers = _at_once(fragile, [_complete(anna, action)] * MANY)
    assert Counter(answer.refusal for answer in answers) == {(200, None): 1, (403, "token_already_used"): MANY - 1}
    assert (anna.me()["score"], _events(fragile, anna)) == (2, 2)


def test_fifty_first_redemptions_of_a_new_player_score_once(fragile: Product, api: Api) -> None:
    player = api.register()
    action = player.issue()
    answers = _at_once(fragile, [_complete(player, action)] * MANY)
    assert Counter(answer.status for answer in answers) == {200: 1, 403: MANY - 1}
    assert (player.me()["score"], _events(fragile, player)) == (1, 1)


def test_fifty_with_one_key_get_one_answer_or_are_told_to_wait(fragile: Product, anna: Player) -> None:
    action = anna.issue()
    answers = _at_once(fragile, [_complete(anna, action, "one-key")] * MANY)
    good = [answer for answer in answers if answer.status == 200]
    assert {answer.refusal for answer in answers} <= {(200, None), (409, "in_progress")}
    assert len({str(answer.data) for answer in good}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in good) <= 1
    assert (anna.me()["score"], _events(fragile, anna)) == (2, 2)
    assert anna.complete(action, key="one-key").data == good[0].data


def test_fifty_keys_for_one_token_score_once(fragile: Product, anna: Player) -> None:
    action = anna.issue()
    answers = _at_once(fragile, [_complete(anna, action, f"key-{number}") for number in range(MANY)])
    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.code for answer in answers} <= {None, "token_already_used", "in_progress"}
    assert (anna.me()["score"], _events(fragile, anna)) == (2, 2)


def test_one_key_for_ten_actions_scores_one_of_them(fragile: Product, anna: Player) -> None:
    actions = [anna.issue() for _ in range(10)]
    answers = _at_once(fragile, [_complete(anna, action, "one-key") for action in actions])
    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.code for answer in answers} <= {None, "idempotency_key_reused", "in_progress"}
    assert (anna.me()["score"], _events(fragile, anna)) == (2, 2)


def test_ten_actions_of_one_player_at_once_all_score_one_after_the_other(fragile: Product, anna: Player) -> None:
    answers = _at_once(fragile, [_complete(anna, anna.issue()) for _ in range(10)])
    assert [answer.status for answer in answers] == [200] * 10
    assert sorted(answer.data["score"]["current"] for answer in answers) == list(range(2, 12))
    assert anna.me()["score"] == 11


def test_at_most_ten_are_issued_however_many_ask(fragile: Product, anna: Player) -> None:
    def issue(api: Api) -> Answer:
        return api.post("/actions", {"action_type": "tap"}, token=anna.access_token)

    answers = _at_once(fragile, [issue] * 30)
    assert Counter(answer.status for answer in answers) == {201: 10, 409: 20}


def test_a_name_is_given_to_one(fragile: Product) -> None:
    name = fresh_name()

    def register(api: Api) -> Answer:
        return api.post("/auth/register", {"username": name, "password": PASSWORD})

    answers = _at_once(fragile, [register] * 10)
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 9}


def test_a_refresh_token_is_good_for_one(fragile: Product, api: Api, anna: Player) -> None:
    def refresh(api: Api) -> Answer:
        return api.post("/auth/refresh", token=anna.refresh_token)

    answers = _at_once(fragile, [refresh] * 20)
    good = [answer for answer in answers if answer.status == 200]
    assert len(good) <= 1
    assert {answer.status for answer in answers} <= {200, 401}
    for answer in good:
        assert api.get("/me", token=answer.data["access_token"]).status == 401, "reuse ends the family"


def test_many_players_at_once_leave_a_true_board(fragile: Product, api: Api) -> None:
    players = [api.register() for _ in range(20)]
    rounds = [_complete(player, player.issue()) for player in players for _ in range(3)]
    assert [answer.status for answer in _at_once(fragile, rounds)] == [200] * 60
    eventually(lambda: all(player.me()["score"] == 3 for player in players))
    assert len({player.me()["rank"] for player in players}) == 1
