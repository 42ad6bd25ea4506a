"""Transactions that change the same rows lock them in one order, so none of them waits for one that waits for it.

In each test another transaction, made by hand, has the first of two locks. The act waits for it, and must not have the
second lock already: then the other one takes it without waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.boards import MAIN
from app.domain.corrections import Selection
from app.domain.look_alikes import skeletons
from app.errors import AccountSuspended, SuspiciousActivity
from app.services.boards.plan_writer import Operator
from app.stores.boards.board_store import BoardStore
from app.stores.boards.filled_seasons import FilledSeasonStore
from app.stores.boards.seasons import SeasonStore, note_corrections
from app.stores.moderation.corrections import CorrectionStore
from app.stores.moderation.gain import GainStore
from app.stores.play.imported_events import ImportedEvent, ImportedEventStore
from app.stores.postgres.engine import Database
from tests.integration.boards.test_scorings import add_board, feed, redeem
from tests.integration.moderation.cases.parts import BY, Field
from tests.parts.waiting import eventually

_LOCK_STANDING = "SELECT FROM standings WHERE season_id = :season AND player_id = :player FOR UPDATE NOWAIT"
_LOCK_SEASON = "SELECT FROM seasons WHERE id = :season FOR NO KEY UPDATE NOWAIT"


@pytest.fixture
def field(container: Container) -> Field:
    return Field(container)


@pytest.fixture
def anna(field: Field) -> UUID:
    return field.player("Anna")


@pytest.fixture
def two_seasons(container: Container, anna: UUID) -> tuple[int, int]:
    """Return the seasons of two boards, on which the player has standings; a scan finds that of the second one first.

    The board `main` is fed by all action types, and `cup` too.
    """
    main = container.standings.season(MAIN).id
    board = add_board(container, "cup")
    feed(container, [board])
    cup = container.standings.season("cup").id
    assert main < cup
    redeem(container, anna, 1)
    container.database.rows("UPDATE standings SET changes = changes WHERE season_id = :season RETURNING 1", season=main)
    return main, cup


@contextmanager
def _waiting(
    database: Database, act: Callable[[], object], lock: str, **values: object
) -> Iterator[tuple[sa.Connection, Future[object]]]:
    """Yield a transaction that has a lock, for which the act waits, and the act."""
    with ThreadPoolExecutor(1) as pool, database.transaction() as connection:
        connection.execute(sa.text(lock), values)
        future = pool.submit(act)
        eventually(lambda: future.done() or database.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))
        assert not future.done(), future.result()
        yield connection, future


def test_a_suspension_locks_standings_in_the_order_of_their_seasons_as_a_redemption_does(
    container: Container, anna: UUID, two_seasons: tuple[int, int]
) -> None:
    main, cup = two_seasons
    suspension = lambda: container.moderation.suspend(anna, "test")  # noqa: E731
    with _waiting(container.database, suspension, _LOCK_STANDING, season=main, player=anna) as (connection, future):
        connection.execute(sa.text(_LOCK_STANDING), {"season": cup, "player": anna})
        connection.commit()
        assert future.result() is True


def test_a_void_touches_no_standing_that_it_has_not_locked(
    container: Container, anna: UUID, two_seasons: tuple[int, int]
) -> None:
    """Let held points be left on one board by a redemption that was in flight, and void what counts on the other."""
    main, cup = two_seasons
    database = container.database
    database.rows("UPDATE action_types SET more_boards = '{}' RETURNING id")
    database.rows("UPDATE action_types SET board_id = (SELECT id FROM boards WHERE slug = 'cup') RETURNING id")
    database.rows("UPDATE standings SET held = 1, has_held = true WHERE season_id = :season RETURNING 1", season=main)
    void = container.corrections.void(Selection(player_id=anna), actor="cli:tests", reason="a test", request_id="r")
    with database.transaction() as connection:
        connection.execute(sa.text(_LOCK_STANDING), {"season": main, "player": anna})
        assert container.corrections.work(void, seconds=0).events == 1
    rows = database.rows("SELECT score FROM standings WHERE season_id = :season", season=cup)
    assert [row.score for row in rows] == [0]


def _void_all(container: Container, players: list[UUID]) -> object:
    void = container.corrections.void(Selection(action_type_id=1), actor="cli:tests", reason="a test", request_id="r")
    return container.corrections.work(void, seconds=0)


def _import_again(container: Container, players: list[UUID]) -> object:
    now = datetime.now(UTC)
    events = [ImportedEvent(uuid4(), player, 1, 1, now, now, None) for player in players]
    with container.database.transaction() as connection:
        return ImportedEventStore().write(connection, events, import_id=uuid4(), request_id="r")


@pytest.mark.parametrize("change", [_void_all, _import_again])
def test_many_standings_are_locked_player_by_player_as_a_group_of_redemptions_does(
    container: Container,
    field: Field,
    anna: UUID,
    two_seasons: tuple[int, int],
    change: Callable[[Container, list[UUID]], object],
) -> None:
    main, cup = two_seasons
    bella = field.player("Bella")
    redeem(container, bella, 1)
    first, second = sorted([anna, bella])
    act = partial(change, container, [second, first])
    with _waiting(container.database, act, _LOCK_STANDING, season=cup, player=first) as (connection, future):
        connection.execute(sa.text(_LOCK_STANDING), {"season": main, "player": second})
        connection.commit()
        future.result()


def test_an_undo_locks_a_case_so_that_the_restore_of_its_void_may_refer_to_it(
    container: Container, field: Field, anna: UUID
) -> None:
    field.score(anna, 5)
    case = field.suspect(anna)
    void = container.decisions.decide(case, "confirmed", BY).correction_id
    undo = lambda: container.decisions.undo(case, BY).decision  # noqa: E731
    lock = "SELECT FROM corrections WHERE id = :void FOR UPDATE"
    with _waiting(container.database, undo, lock, void=void) as (connection, future):
        connection.execute(sa.text("SELECT FROM cases WHERE id = :case FOR KEY SHARE NOWAIT"), {"case": case})
        connection.commit()
        assert future.result() == "undone"


def test_an_undo_waits_for_the_last_step_of_its_void_which_refers_to_the_case(
    container: Container, field: Field, anna: UUID
) -> None:
    """Let the void be finished: the second update of a row in a transaction checks its foreign keys again."""
    field.score(anna, 5)
    case = field.suspect(anna)
    void = container.decisions.decide(case, "confirmed", BY).correction_id
    assert void is not None
    undo = lambda: container.decisions.undo(case, BY).decision  # noqa: E731
    lock = "SELECT FROM corrections WHERE id = :void FOR UPDATE"
    with _waiting(container.database, undo, lock, void=void) as (connection, future):
        connection.execute(sa.text("SET LOCAL lock_timeout = '10ms'"))
        connection.execute(sa.text("UPDATE corrections SET cursor = NULL WHERE id = :void"), {"void": void})
        CorrectionStore(container.database).set_state(connection, void, "done")
        connection.commit()
        assert future.result() == "undone"


def _end(container: Container, seasons: Sequence[int]) -> None:
    """End the seasons, so that corrections note it on them; a scan finds the first one last."""
    for season in reversed(seasons):
        container.database.rows(
            "UPDATE seasons SET starts_at = 'epoch', ends_at = now() WHERE id = :season RETURNING id", season=season
        )


def test_a_decision_locks_ended_seasons_once_in_their_order(
    container: Container, field: Field, anna: UUID, two_seasons: tuple[int, int]
) -> None:
    """Let the release change the first season's standing alone, and the suspension the second one's."""
    main, cup = two_seasons
    case = field.suspect(anna)
    container.database.rows(
        "UPDATE standings SET held = score, score = 0, has_held = true, listed = false WHERE season_id = :season "
        "RETURNING 1",
        season=main,
    )
    _end(container, two_seasons)
    decision = lambda: container.decisions.decide(case, "confirmed", BY).status  # noqa: E731
    with _waiting(container.database, decision, _LOCK_SEASON, season=main) as (connection, future):
        connection.execute(sa.text(_LOCK_SEASON), {"season": cup})
        connection.commit()
        assert future.result() == "suspended"
    rows = container.database.rows("SELECT id FROM seasons WHERE corrected_at IS NOT NULL ORDER BY id")
    assert [row.id for row in rows] == [main, cup]


@pytest.mark.parametrize("ended", [[0, 1], [1], []])
def test_a_plan_locks_the_seasons_of_its_boards_in_their_order_since_open_ones_may_end_meanwhile(
    container: Container, two_seasons: tuple[int, int], ended: list[int]
) -> None:
    main, cup = two_seasons
    _end(container, [two_seasons[index] for index in ended])

    def keep() -> None:
        with container.database.transaction() as connection:
            BoardStore().lock_seasons(connection, ["cup", MAIN])
            BoardStore().keep_ended_seasons(connection, ["cup", MAIN])

    with _waiting(container.database, keep, _LOCK_SEASON, season=main) as (connection, future):
        connection.execute(sa.text(_LOCK_SEASON), {"season": cup})
        connection.commit()
        future.result()
    rows = container.database.rows("SELECT scoring FROM seasons WHERE ends_at <= now()")
    assert [row.scoring for row in rows] == ["sum"] * len(ended)


def test_a_plan_that_only_changes_schedules_locks_the_seasons_too(
    container: Container, two_seasons: tuple[int, int]
) -> None:
    main, cup = two_seasons
    daily = {"schedule": "0 0 * * *", "timezone": "UTC"}
    plans = container.board_plans
    plan = plans.plan({"cup": daily, MAIN: daily}, {})
    assert not plan.feeds
    apply = lambda: plans.apply(plan, by=Operator("tests", "r"))  # noqa: E731
    with _waiting(container.database, apply, _LOCK_SEASON, season=main) as (connection, future):
        connection.execute(sa.text(_LOCK_SEASON), {"season": cup})
        connection.commit()
        assert future.result() is None


def test_replaced_standings_are_deleted_in_the_order_of_their_seasons(
    container: Container, anna: UUID, two_seasons: tuple[int, int]
) -> None:
    main, cup = two_seasons
    replay = uuid4()
    container.database.rows("UPDATE seasons SET replay_id = :replay RETURNING id", replay=replay)

    def drop() -> int:
        with container.database.transaction() as connection:
            return FilledSeasonStore().drop_standings(connection, replay, 10)

    with _waiting(container.database, drop, _LOCK_STANDING, season=main, player=anna) as (connection, future):
        connection.execute(sa.text(_LOCK_STANDING), {"season": cup, "player": anna})
        connection.commit()
        assert future.result() == 2


def test_a_refusal_that_suspends_locks_standings_before_its_key_as_a_redemption_does(
    container: Container, field: Field, anna: UUID
) -> None:
    """Let a redemption with the same key be in flight, which a Redis that was emptied does not know of."""
    field.score(anna, 5)
    with pytest.raises(SuspiciousActivity):
        field.play(anna, "boss-fight")
    season = container.standings.season(MAIN).id

    def play() -> None:
        with pytest.raises(AccountSuspended):
            field.play(anna, "boss-fight", key="key")

    with _waiting(container.database, play, _LOCK_STANDING, season=season, player=anna) as (connection, future):
        connection.execute(sa.text("SET LOCAL lock_timeout = '10ms'"))
        insert = """
            INSERT INTO idempotency (player_id, key, fingerprint, action_id, outcome)
            VALUES (:player, 'key', '', :action, 'rejected')
        """
        connection.execute(sa.text(insert), {"player": anna, "action": uuid4()})
        connection.commit()
        future.result()


def test_a_change_of_an_action_type_takes_the_lock_on_boards_first_as_a_plan_does(container: Container) -> None:
    GainStore(container.database).position()  # begin the running sums
    change = lambda: container.actions.change("tap", {"points": 2}).points  # noqa: E731
    with ThreadPoolExecutor(1) as pool, container.database.transaction() as connection:
        BoardStore().lock(connection)
        connection.execute(sa.text("SELECT FROM action_types WHERE slug = 'tap' FOR UPDATE"))
        future = pool.submit(change)
        eventually(lambda: container.database.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))
        connection.execute(sa.text("SELECT FROM gain_progress FOR UPDATE NOWAIT"))
        connection.commit()
        assert future.result() == 2


def _closed(container: Container, season: int) -> SeasonStore:
    container.database.rows(
        "UPDATE seasons SET ends_at = now(), closed_at = now() WHERE id = :season RETURNING 1", season=season
    )
    return SeasonStore(container.database)


_LOCK_ALL = "LOCK TABLE standings IN ACCESS EXCLUSIVE MODE"


def test_a_count_of_players_holds_up_no_correction(container: Container, two_seasons: tuple[int, int]) -> None:
    main, _ = two_seasons
    store = _closed(container, main)
    with _waiting(container.database, lambda: store.count_players(main), _LOCK_ALL) as (connection, future):
        connection.execute(sa.text(_LOCK_SEASON), {"season": main})
        assert store.count_players(main) is False, "another process counts"
        connection.commit()
        assert future.result() is True
    rows = container.database.rows("SELECT players FROM seasons WHERE id = :season", season=main)
    assert ([row.players for row in rows], store.uncounted()) == ([1], [])


def test_a_count_that_a_correction_overtook_is_made_again(
    container: Container, anna: UUID, two_seasons: tuple[int, int]
) -> None:
    main, _ = two_seasons
    store = _closed(container, main)
    with _waiting(container.database, lambda: store.count_players(main), _LOCK_ALL) as (connection, future):
        connection.execute(sa.text("UPDATE standings SET listed = false WHERE player_id = :anna"), {"anna": anna})
        note_corrections(connection, [main])
        connection.commit()
        assert future.result() is False
    assert store.uncounted() == [main]
    assert store.count_players(main) is True
    rows = container.database.rows("SELECT players FROM seasons WHERE id = :season", season=main)
    assert [row.players for row in rows] == [0]


def test_missing_skeletons_are_added_in_the_order_of_a_registration(container: Container, field: Field) -> None:
    for name in ("zzzzz", "aaaaa"):
        container.players.add(uuid4(), name, name, "no password fits this", "player")
    fill = container.accounts.look_alikes
    add = "INSERT INTO username_skeletons (skeleton, player_id) VALUES (:skeleton, :player)"
    (first, _), (last, _) = sorted(skeletons("aaaaa")), sorted(skeletons("zzzzz"))
    bella = field.player("Bella")
    with _waiting(container.database, fill, add, skeleton=first, player=bella) as (connection, future):
        connection.execute(sa.text("SET LOCAL lock_timeout = 100"))
        connection.execute(sa.text(add), {"skeleton": last, "player": bella})
        connection.commit()
        assert {account.username for account in future.result()} == {"zzzzz", "aaaaa"}  # type: ignore[attr-defined]
