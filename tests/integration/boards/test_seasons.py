"""Seasons on real servers: boundaries under load, closing, the readers' and subscribers' view, early ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN, SeasonFacts
from app.domain.corrections import Selection
from app.services.boards.outbox import BoardChange
from app.stores.boards.board_events import BoardChanged, Listening
from app.stores.boards.seasons import SeasonStore
from app.stores.play.ledger import NoOpenBoard
from tests.integration.boards.test_scorings import add_board, feed, redeem
from tests.parts.waiting import eventually


def add_player(container: Container, name: str) -> UUID:
    player = uuid4()
    container.players.add(player, name, name, "no password fits this", "player")
    return player


def add_season(container: Container, board: int, number: int, starts: str, ends: str = "NULL") -> int:
    """Add a season between two SQL expressions; return its id."""
    rows = container.database.rows(
        f"INSERT INTO seasons (board_id, number, starts_at, ends_at) VALUES (:board, :number, {starts}, {ends}) "
        "RETURNING id",
        board=board,
        number=number,
    )
    return int(rows[0].id)


def facts(container: Container, board: str, number: int) -> SeasonFacts:
    (season,) = [season for season in SeasonStore(container.database).facts(board) if season.number == number]
    return season


def end_main(container: Container, seconds: float) -> None:
    """Let the first season of `main` end so many seconds from now, and the second begin then."""
    container.database.rows(
        "UPDATE seasons SET ends_at = clock_timestamp() + make_interval(secs => :seconds) RETURNING id", seconds=seconds
    )
    end = facts(container, MAIN, 1).ends_at
    assert end is not None
    add_season(container, 1, 2, f"'{end.isoformat()}'")


def wait_for_end(container: Container, board: str = MAIN, number: int = 1) -> None:
    eventually(lambda: facts(container, board, number).state == "closed", every=0.02)


def ends_queued(container: Container) -> int:
    return len(container.database.rows("SELECT FROM outbox WHERE player_id IS NULL"))


def deliver(container: Container) -> None:
    """Do all tasks that the relay would send."""

    def publish(changes: list[BoardChange]) -> None:
        for change in changes:
            if change.players:
                container.board_sync.sync([change])
            if change.has_ended:
                container.board_sync.end_season(change.season_id)

    while container.outbox.drain(publish):
        pass


def test_at_a_boundary_under_load_each_event_counts_in_exactly_one_season(
    container: Container, workers: list[Container]
) -> None:
    feed(container, [add_board(container, "weekly")])
    end_main(container, 2.0)  # and of `weekly`
    weekly = container.database.rows("SELECT id FROM boards WHERE slug = 'weekly'")[0].id
    end = facts(container, "weekly", 1).ends_at
    assert end is not None
    add_season(container, weekly, 2, f"'{end.isoformat()}'")
    players = [add_player(container, f"p{number}") for number in range(6)]

    def play(number: int) -> Counter[tuple[str, int]]:
        scored: Counter[tuple[str, int]] = Counter()
        worker = workers[number % len(workers)]
        while scored[MAIN, 2] < 30:
            for change in redeem(worker, players[number], 1):
                scored[change.season.board, change.season.number] += 1
        return scored

    closing = threading.Event()

    def close() -> list[int]:
        closed: list[int] = []
        while not closing.is_set() or len(closed) < 2:
            closed += container.seasons.turn().closed
        return closed

    with ThreadPoolExecutor(7) as pool:
        closer = pool.submit(close)
        scored = sum((future.result() for future in [pool.submit(play, number) for number in range(6)]), Counter())
        closing.set()
        closed = closer.result()
    assert len(closed) == len(set(closed)) == ends_queued(container) == 2
    totals = {
        (row.slug, row.number): int(row.total)
        for row in container.database.rows(
            "SELECT b.slug, n.number, sum(s.score) AS total FROM standings s JOIN seasons n ON n.id = s.season_id "
            "JOIN boards b ON b.id = n.board_id GROUP BY b.slug, n.number"
        )
    }
    assert totals == scored
    assert totals[MAIN, 1] > 0
    for board in (MAIN, "weekly"):
        assert totals[board, 1] + totals[board, 2] == sum(totals.values()) // 2
        assert facts(container, board, 1).corrected_at is None
    assert list(container.corrections.find_unsound()) == []


def test_a_season_is_closed_once_all_transactions_from_before_its_end_have_ended(container: Container) -> None:
    player = add_player(container, "late")
    redeem(container, player, 1)
    end_main(container, 0.5)
    with container.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE standings SET achieved_at = NULL")
        wait_for_end(container)
        assert container.seasons.turn().closed == []
    with container.database.transaction() as connection:  # one that began after the end delays nothing
        connection.exec_driver_sql("UPDATE standings SET changes = changes + 1")
        assert container.seasons.turn().closed == [facts(container, MAIN, 1).season.id]
    assert facts(container, MAIN, 1).players == 0


def test_a_season_is_closed_once_however_many_processes_do_it(container: Container, workers: list[Container]) -> None:
    redeem(container, add_player(container, "p"), 1)
    end_main(container, 0.1)
    wait_for_end(container)
    barrier = threading.Barrier(len(workers))

    def turn(worker: Container) -> list[int]:
        barrier.wait()
        return worker.seasons.turn().closed

    with ThreadPoolExecutor(len(workers)) as pool:
        closed = [season for seasons in pool.map(turn, workers) for season in seasons]
    assert (len(closed), ends_queued(container)) == (1, 1)
    assert container.seasons.turn().closed == []
    assert facts(container, MAIN, 1).players == 1


def test_a_token_from_before_the_boundary_counts_after_it(container: Container) -> None:
    player = add_player(container, "p")
    season = container.standings.season(MAIN)
    end_main(container, 0.1)
    wait_for_end(container)
    assert [change.season.number for change in redeem(container, player, 5, season=season)] == [2]


def test_days_of_a_zone_with_daylight_saving_are_seasons_of_23_24_and_25_hours(container: Container) -> None:
    board = add_board(container, "daily", ends="'2026-03-28T23:00Z'")
    container.database.rows(
        "UPDATE boards SET schedule = '0 0 * * *', timezone = 'Europe/Berlin' WHERE id = :id RETURNING id", id=board
    )
    assert container.seasons.turn().planned == ["daily"]
    seasons = SeasonStore(container.database).facts("daily")[::-1]
    assert [season.number for season in seasons] == list(range(1, len(seasons) + 1))
    assert all(earlier.ends_at == later.starts_at for earlier, later in pairwise(seasons))
    assert [season.state for season in seasons[-2:]] == ["open", "scheduled"]
    lengths = {season.starts_at: (season.ends_at or season.starts_at) - season.starts_at for season in seasons[1:]}
    assert lengths[datetime(2026, 3, 28, 23, tzinfo=UTC)] == timedelta(hours=23)
    assert lengths[datetime(2026, 10, 24, 22, tzinfo=UTC)] == timedelta(hours=25)
    assert Counter(lengths.values()).most_common(1)[0][0] == timedelta(hours=24)
    turn = container.seasons.turn()
    assert (turn.planned, turn.closed) == ([], [])


def test_several_processes_write_the_next_season_once(container: Container, workers: list[Container]) -> None:
    add_board(container, "hourly", ends="date_trunc('hour', now()) + interval '1 hour'")
    container.database.rows("UPDATE boards SET schedule = '0 * * * *' WHERE slug = 'hourly' RETURNING id")
    with ThreadPoolExecutor(len(workers)) as pool:
        planned = [board for turn in pool.map(lambda worker: worker.seasons.turn(), workers) for board in turn.planned]
    assert planned == ["hourly"]
    assert [season.state for season in SeasonStore(container.database).facts("hourly")] == ["scheduled", "open"]


def test_a_contest_takes_events_between_its_times_only(container: Container) -> None:
    board = add_board(container, "cup")
    container.database.rows("DELETE FROM seasons WHERE board_id = :board RETURNING id", board=board)
    container.database.rows("UPDATE action_types SET board_id = :board RETURNING id", board=board)
    season = add_season(container, board, 1, "now() + interval '0.7 s'", "now() + interval '1.7 s'")
    player = add_player(container, "p")
    with pytest.raises(NoOpenBoard):
        redeem(container, player, 1)
    eventually(lambda: redeem(container, player, 1), every=0.02)
    wait_for_end(container, "cup")
    with pytest.raises(NoOpenBoard):
        redeem(container, player, 1)
    assert container.seasons.turn().closed == [season]
    deliver(container)
    assert [row.score for row in container.standing_store.top(container.standings.season("cup"), 10)] == [1]
    assert container.board_sync.verify(container.standings.season("cup")) == []


def _void(container: Container, player: UUID) -> None:
    void = container.corrections.void(Selection(player_id=player), actor="cli:tests", reason="a test", request_id="r")
    assert container.corrections.work(void).state == "done"


def _suspend(container: Container, player: UUID) -> None:
    container.moderation.suspend(player, "test")


@pytest.mark.parametrize("correct", [_void, _suspend])
def test_a_closed_season_says_when_it_was_corrected(
    container: Container, correct: Callable[[Container, UUID], None]
) -> None:
    players = [add_player(container, name) for name in ("anna", "bert")]
    for player in players:
        redeem(container, player, 1)
    end_main(container, 0.1)
    wait_for_end(container)
    redeem(container, players[0], 1)
    container.seasons.turn()
    assert (facts(container, MAIN, 1).players, facts(container, MAIN, 1).corrected_at) == (2, None)
    correct(container, players[1])
    corrected_at = facts(container, MAIN, 1).corrected_at
    assert corrected_at is not None
    assert corrected_at > (facts(container, MAIN, 1).ends_at or corrected_at)
    assert facts(container, MAIN, 2).corrected_at is None
    assert container.seasons.turn().closed == []
    assert facts(container, MAIN, 1).players == 1
    assert list(container.corrections.find_unsound()) == []


def test_subscribers_get_the_empty_board_of_the_next_season_and_never_the_old_one_again(container: Container) -> None:
    player = add_player(container, "p")
    old = redeem(container, player, 1)[0].season
    deliver(container)
    before = container.standings.snapshot()
    assert len(before["data"]) == 1
    listener = container.subscription()
    listener.open()
    eventually(lambda: listener.next(1.0) == Listening())
    end_main(container, 1.2)  # longer than a process may cache the open season
    event = container.database.rows("SELECT id FROM score_events")[0].id
    wait_for_end(container)
    assert container.seasons.turn().closed == [old.id]
    deliver(container)
    message = listener.next(5.0)
    assert isinstance(message, BoardChanged)
    assert (message.data, message.version > before["version"]) == ([], True)
    assert container.standings.snapshot()["data"] == []
    assert container.board_sync.sync([BoardChange(old.id, MAIN, None, [player], [event])]) == {old.id: 0}, (
        "it comes late"
    )
    assert listener.next(0.5) is None
    assert list(container.redis.scan_iter(match=f"*{old.tag}*")) == []
    listener.close()


def test_no_process_takes_an_ended_season_for_the_open_one(container: Container) -> None:
    end_main(container, 0.7)
    assert container.standings.season(MAIN).number == 1
    wait_for_end(container)
    assert container.standings.season(MAIN).number == 2


def test_a_list_whose_season_ends_while_it_is_read_is_not_sent(container: Container) -> None:
    old = redeem(container, add_player(container, "p"), 1)[0].season
    end_main(container, 1.2)
    wait_for_end(container)
    assert container.board_sync.announce(old) == 0
    assert container.board_sync.announce(container.standings.season(MAIN)) > 0
