"""The rules of counting in SQL and the pure function agree on any history of play and corrections."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.containers.container import Container
from app.domain.action_token import Promise
from app.domain.boards import MAIN
from app.domain.corrections import Selection
from app.domain.rollups import ALL_TYPES
from app.domain.scoring import Fold, Hold, ScoreEvent, counting_events, fold_events
from app.stores.boards.counting import achieved_at, folded
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.operations.rollup_ledger import LedgerSnapshot

ACTS = ("redeem", "redeem", "redeem", "void", "void since", "restore", "hold", "reach back", "release")
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 2), st.sampled_from([1, 3, 10])), min_size=3, max_size=30
)


@dataclass
class History:
    """The random history of some players; each step also changes the database."""

    container: Container
    players: list[UUID]
    cases: dict[UUID, UUID]
    voids: list[UUID] = field(default_factory=list)

    def apply(self, act: str, number: int, points: int) -> None:
        player = self.players[number % len(self.players)]
        if act == "redeem":
            self._redeem(player, points)
        elif act == "void":
            self._void(Selection(player_id=player))
        elif act == "void since":
            moments = self.container.database.rows(
                "SELECT created_at FROM score_events WHERE player_id = ANY(:players) ORDER BY id DESC LIMIT :newest",
                players=self.players,
                newest=points,
            )
            if moments:
                self._void(Selection(action_type_id=number + 1, since=moments[-1].created_at))
        elif act == "restore" and self.voids:
            restore = self.container.corrections.restore(
                self.voids.pop(number % len(self.voids)), actor="cli:tests", reason="a test", request_id="r"
            )
            self.container.corrections.work(restore)
        elif act == "reach back":
            self._reach_back(player, points)
        elif act in ("hold", "release"):
            self._hold(player, self.cases[player] if act == "hold" else None)

    def _redeem(self, player: UUID, points: int) -> None:
        season = self.container.standings.season(MAIN)
        action_type = 1 + points % 2
        promise = Promise(str(uuid4()), str(player), "tap", action_type, points, MAIN, season.id, season.number, 0, 1)
        assert self.container.ledger.redeem(promise, request_id="r", key=None, fingerprint="f") is not None

    def _void(self, selection: Selection) -> None:
        void = self.container.corrections.void(selection, actor="cli:tests", reason="a test", request_id="r")
        assert self.container.corrections.work(void).state == "done"
        self.voids.append(void)

    def _hold(self, player: UUID, case_id: UUID | None) -> None:
        with self.container.database.transaction() as connection:
            QuarantineStore(self.container.database).hold(connection, player, Hold(case_id) if case_id else None)

    def _reach_back(self, player: UUID, events: int) -> None:
        """Hold the player's last `events` events, of any kind, and all from now on."""
        moments = self.container.database.rows(
            "SELECT created_at FROM score_events WHERE player_id = :player ORDER BY id DESC LIMIT :newest",
            player=player,
            newest=events,
        )
        if moments:
            with self.container.database.transaction() as connection:
                QuarantineStore(self.container.database).reach_back(
                    connection, player, moments[-1].created_at, hold_id=self.cases[player], lasts=True
                )

    def events(self, player: UUID) -> list[ScoreEvent]:
        rows = self.container.database.rows(
            """
            SELECT id, kind, action_id, points, created_at, held_under FROM score_events
            WHERE player_id = :player ORDER BY random()
            """,
            player=player,
        )
        return [ScoreEvent(*row) for row in rows]

    def hold_of(self, player: UUID) -> Hold | None:
        with self.container.database.transaction() as connection:
            return QuarantineStore(self.container.database).hold_of(connection, player)


def _history(container: Container) -> History:
    players = [uuid4() for _ in range(3)]
    cases = {}
    for player in players:
        container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
        with container.database.transaction() as connection:
            cases[player] = container.suspicions.open_case(connection, str(player), half_life=1800.0, hold=False)
    return History(container, players, cases)


def _standing(container: Container, player: UUID) -> Fold:
    """Return the player's stored standing; its time only means something while the public score is above 0."""
    row = container.database.row("SELECT score, held, achieved_at FROM standings WHERE player_id = :id", id=player)
    return Fold(row.score, row.held, row.achieved_at if row.score else None) if row else Fold(0, 0, None)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_standings_are_the_fold_of_their_events(container: Container, steps: list[tuple[str, int, int]]) -> None:
    history = _history(container)
    for step in steps:
        history.apply(*step)
        for player in history.players:
            expected = fold_events(history.events(player), history.hold_of(player))
            assert _standing(container, player) == expected, step
    assert list(container.corrections.find_unsound()) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_subqueries_previews_and_roll_ups_count_the_same_events(
    container: Container, steps: list[tuple[str, int, int]]
) -> None:
    history = _history(container)
    for step in steps:
        history.apply(*step)
    for player in history.players:
        events, hold = history.events(player), history.hold_of(player)
        fold, counting = fold_events(events, hold), counting_events(events)
        rows = container.database.rows(
            f"""
            SELECT due.held, {achieved_at("s", "p")} AS achieved_at
            FROM standings s JOIN players p ON p.id = s.player_id {folded("s", "p")} WHERE s.player_id = :player
            """,
            player=player,
        )
        assert [(row.held, row.achieved_at) for row in rows] == [(fold.held, fold.achieved_at)] * len(rows)
        preview = container.corrections.preview(Selection(player_id=player))
        assert (preview.events, preview.points) == (len(counting), sum(event.points for event in counting))
        for move in preview.rows:
            if move["player_id"] == player and move["events"]:
                assert (move["score_before"], move["score_after"]) == (fold.score, 0)
    _check_rollups(history)


def _check_rollups(history: History) -> None:
    """Assert the sums of the roll-ups of all players that the database has."""
    database = history.container.database
    rows = database.rows("SELECT id, kind, action_id, points, created_at, held_under FROM score_events")
    events = [ScoreEvent(*row) for row in rows]
    counting = counting_events(events)
    hours = database.row(
        """
        SELECT date_trunc('hour', now(), 'UTC') - interval '2 hours' AS since,
               date_trunc('hour', now(), 'UTC') + interval '2 hours' AS until
        """
    )
    assert hours is not None
    with database.snapshot(10) as connection:
        rollups = LedgerSnapshot(connection).compute("hour", hours.since, hours.until)
    figures = [figures for key, figures in rollups.items() if key.action_type_id == ALL_TYPES]
    assert sum(figure.redemptions for figure in figures) == len(counting)
    assert sum(figure.points for figure in figures) == sum(event.points for event in counting)
    redeemed = [event for event in events if event.kind == "redeem"]
    assert sum(figure.voided for figure in figures) == len(redeemed) - len(counting)
