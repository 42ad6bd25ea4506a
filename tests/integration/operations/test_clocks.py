"""The clock is set back an hour or a day: earlier timestamps lie in the future, and nothing may wait for them."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest

from app.containers.container import Container
from app.domain.boards import MAIN
from app.factory import create_app
from app.services.operations.analytics import Analytics
from app.services.operations.broker_checks import beat
from app.services.operations.checks import background
from app.stores.boards.presence import address_key
from app.stores.operations.beat_lock import BeatState
from app.stores.operations.job_ages import JobAgeStore
from app.stores.operations.queue_depths import KEY, QueueDepth
from app.stores.operations.rollups import RollupStore
from tests.integration.moderation.ledgers import Event, HandLedger

HOUR_MS = 3_600_000
AN_HOUR_AGO = 1_800_000_000.0


class Clock:
    """Unix time as this machine shows it."""

    def __init__(self) -> None:
        self.now = AN_HOUR_AGO + 3600

    def __call__(self) -> float:
        return self.now


def _set_back(container: Container, pattern: str) -> int:
    """Extend expiries in Redis as setting Redis's clock back does. Return the number of keys."""
    keys = list(container.redis.scan_iter(pattern))
    for key in keys:
        container.redis.pexpire(key, container.redis.pttl(key) + HOUR_MS)
    return len(keys)


def _write(container: Container, statement: str) -> None:
    with container.database.transaction() as connection:
        connection.exec_driver_sql(statement)


def _now(container: Container) -> datetime:
    now: datetime = container.database.rows("SELECT now() AS now")[0].now
    return now


def test_a_tick_that_was_sent_in_the_future_is_no_sign_of_life(container: Container) -> None:
    _write(container, "INSERT INTO ticks VALUES ('repair', clock_timestamp() + interval '4236 seconds')")
    ago = container.beat_lock.state().last_sent_ago
    assert ago is None
    assert beat(BeatState(is_held=True, last_sent_ago=ago), 1).state == "wrong"
    _write(container, "INSERT INTO ticks VALUES ('prune', clock_timestamp() - interval '5 seconds')")
    ago = container.beat_lock.state().last_sent_ago
    assert ago is not None
    assert 5 <= ago < 60


def test_work_that_was_done_in_the_future_is_not_done_until_it_is_done_again(container: Container) -> None:
    lateness = JobAgeStore(container.database)
    container.review.review_new()
    container.analytics.roll_up()
    assert all(age is not None and 0 <= age < 60 for age in lateness.ages().values())
    _write(container, "UPDATE review_progress SET reviewed_before = now() + interval '1 hour'")
    _write(container, "UPDATE rollup_progress SET computed_at = now() + interval '1 hour'")
    assert lateness.ages() == {"analytics": None, "anticheat": None}
    assert background("analytics", None).state == "wrong"
    container.review.review_new()
    container.analytics.roll_up()
    assert all(age is not None and 0 <= age < 60 for age in lateness.ages().values())


def test_what_is_redeemed_in_an_hour_that_comes_twice_is_reviewed(container: Container) -> None:
    ledger = HandLedger(container)
    player = ledger.player()
    container.review.review_new()
    _write(container, "UPDATE review_progress SET reviewed_before = now() + interval '1 hour'")
    ledger.write(Event(player, "tap", _now(container) - timedelta(seconds=1)))
    assert container.review.review_new().players == {player}


def test_what_is_redeemed_in_a_day_that_comes_twice_is_rolled_up(container: Container) -> None:
    ledger, now = HandLedger(container), _now(container)
    _write(container, "UPDATE seasons SET starts_at = now() - interval '2 days'")
    moments = {"now": now + timedelta(days=2)}
    analytics = Analytics(
        container.database,
        container.replicas,
        container.patient_replicas,
        container.catalog,
        RollupStore(),
        clock=lambda: moments["now"],
    )
    analytics.roll_up()
    moments["now"] = now
    ledger.write(Event(ledger.player(), "tap", now - timedelta(seconds=10)))
    final = analytics.roll_up()
    assert all(before <= now for before in final.values())
    rolled_up = container.database.rows("SELECT max(redemptions) AS redemptions FROM rollups GROUP BY granularity")
    assert [row.redemptions for row in rolled_up] == [1, 1]


def test_what_waits_in_the_outbox_has_waited_no_less_than_nothing(container: Container) -> None:
    ledger = HandLedger(container)
    container.database.rows(
        """INSERT INTO outbox (season_id, player_id, request_id, created_at)
           VALUES (:season, :player, 'r', now() + interval '1 hour') RETURNING id""",
        season=ledger.season,
        player=ledger.player(),
    )
    assert container.outbox.status() == {"waiting": 1, "oldest_seconds": 0}


def test_the_last_repair_is_unknown_when_it_is_yet_to_come(container: Container) -> None:
    container.rankings.note_repair()
    assert container.rankings.seconds_since_repair() == 0
    assert _set_back(container, "leaderboard:repaired") == 1
    assert container.rankings.seconds_since_repair() is None
    container.rankings.note_repair()
    assert container.rankings.seconds_since_repair() == 0


def test_counts_of_queues_are_unknown_when_nobody_can_tell_how_old_they_are(container: Container) -> None:
    container.queue_depths.put({"leaderboard": QueueDepth(1, None, 1)})
    assert container.queue_depths.all()
    assert _set_back(container, KEY) == 1
    assert container.queue_depths.all() == {}


@pytest.mark.parametrize("place", ["rebuild", "prove", "build"])
def test_a_place_that_somebody_took_before_does_not_stay_taken_for_an_hour(container: Container, place: str) -> None:
    season, rankings = container.standings.season(MAIN), container.rankings

    def take() -> bool:
        if place == "build":
            return rankings.lists.build_lease(season, 10).hold()
        lease = rankings.rebuild_lease(season) if place == "rebuild" else rankings.comparison_lease(season)
        return lease.hold()

    assert take()
    assert not take()
    assert _set_back(container, "leaderboard:*ing*") == 1
    assert take()
    assert not take()


def test_a_board_is_announced_although_the_last_time_is_yet_to_come(container: Container) -> None:
    keys = [f"leaderboard:{name}:{{main/1}}" for name in ("pending", "gate", "next")]
    assert container.scripts.run("turn", keys, ["first", 200])[0] == "go"
    assert container.scripts.run("turn", keys, ["second", 200])[0] == "wait"
    assert _set_back(container, "leaderboard:gate:*") == 1
    answer, wait = container.scripts.run("turn", keys, ["", 200])
    assert (answer, wait <= 200) == ("wait", True)
    assert container.redis.pttl(keys[1]) <= 200


def test_a_limit_of_a_minute_does_not_last_an_hour(container: Container) -> None:
    def count() -> None:
        container.scripts.run("count", ["LIMITS:x"], [60, 1])

    count()
    assert _set_back(container, "LIMITS:*") == 1
    count()
    assert container.redis.ttl("LIMITS:x") <= 60
    container.redis.expire("LIMITS:x", 30)
    count()
    assert container.redis.ttl("LIMITS:x") <= 30, "a window is not made longer"


def test_sockets_of_a_dead_server_are_gone_after_their_time_all_the_same(container: Container) -> None:
    key, players = address_key("192.0.2.1"), "leaderboard:online:{main}"
    anna = str(uuid4())
    container.scripts.run("presence_online", [players, "leaderboard:online-servers:{main}"], ["dead", 45, 0, anna])
    ahead = time.time() + 3600
    container.redis.zadd(key, {"dead/1": ahead})
    container.redis.zadd(players, {f"{anna}/dead": ahead})
    container.scripts.run("presence_enter", [key], ["living/1", 10, 45])
    container.scripts.run("presence_online", [players, "leaderboard:online-servers:{main}"], ["living", 45, 0])
    assert container.redis.zscore(key, "dead/1") <= time.time() + 46
    assert max(score for _, score in container.redis.zrange(players, 0, -1, withscores=True)) <= time.time() + 46
    container.redis.zadd(key, {"dead/1": ahead})
    container.scripts.run("presence_stay", [key], [45, "living/1"])
    assert container.redis.zscore(key, "dead/1") <= time.time() + 46


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clocked_container(container: Container, clock: Clock) -> Container:
    """Return the services on that clock."""
    return Container(container.settings, clock=clock)


def _score(container: Container, player: UUID, points: int) -> None:
    """Score as a redemption does."""
    season = container.standings.season(MAIN)
    with container.database.statement() as connection:
        connection.exec_driver_sql(
            "INSERT INTO standings (season_id, player_id, score, changes, achieved_at) VALUES (%s, %s, %s, 1, now()) "
            "ON CONFLICT (season_id, player_id) DO UPDATE SET score = excluded.score, changes = standings.changes + 1",
            (season.id, player, points),
        )
    container.rankings.note_change(season)


def test_a_list_that_was_shown_is_not_shown_for_another_hour(
    container: Container, clocked_container: Container, clock: Clock
) -> None:
    anna = container.accounts.create("anna", "correct horse battery").id
    _score(container, anna, 1)
    clocked_container.standings.top()
    clock.now = AN_HOUR_AGO
    assert _set_back(container, "leaderboard:shown:*") == 1
    _score(container, anna, 2)
    top = clocked_container.standings.top()
    assert [row["score"] for row in json.loads(top.rows)] == [2]
    assert top.second == int(AN_HOUR_AGO)
    clocked_container.close()


def test_a_player_can_start_actions_although_those_from_before_end_in_an_hour(
    container: Container, clocked_container: Container, clock: Clock
) -> None:
    anna = container.accounts.create("anna", "correct horse battery").id
    for _ in range(container.settings.max_active_actions):
        clocked_container.actions.issue(anna, "tap")
    clock.now = AN_HOUR_AGO
    assert clocked_container.actions.issue(anna, "tap").token
    clocked_container.close()


def _made_an_hour_ahead(token: str, secret: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    later = {name: claims[name] + 3600 for name in ("iat", "nbf", "exp")}
    return jwt.encode({**claims, **later}, secret, "HS256", headers=jwt.get_unverified_header(token))


def test_a_player_who_signed_in_before_stays_signed_in(container: Container) -> None:
    app = create_app(container.settings)
    client, secret = app.test_client(), container.settings.jwt_keys[0].secret
    registered = client.post("/api/v1/auth/register", json={"username": "anna", "password": "correct horse battery"})
    access, refresh = (
        {"Authorization": f"Bearer {_made_an_hour_ahead(json.loads(registered.text)['data'][name], secret)}"}
        for name in ("access_token", "refresh_token")
    )
    assert client.get("/api/v1/me", headers=access).status_code == 200
    assert client.post("/api/v1/auth/refresh", headers=refresh).status_code == 200
    app.extensions["fairboard"].close()
