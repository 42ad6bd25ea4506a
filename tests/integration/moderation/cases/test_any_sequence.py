"""After any sequence of play and decisions, the public board, the private views and the ledger agree."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.cases import DECISIONS
from app.errors import Conflict
from app.stores.postgres.engine import UNAVAILABLE
from tests.integration.moderation.cases.parts import BY, Field

# Not scored: the player was suspended meanwhile, or PostgreSQL ended one side of a deadlock.
_NOT_SCORED: tuple[type[Exception], ...] = (AssertionError, *UNAVAILABLE)
ACTS = ("redeem", "redeem", "redeem", "suspect", "cleared", "confirmed", "undo", "reinstate", "suspend", "look")
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 2), st.sampled_from([1, 3, 10])), min_size=3, max_size=25
)


@dataclass
class Redeemed:
    """Points, the case they were scored under, and the case whose decision voided them."""

    points: int
    under: UUID | None
    voided_by: UUID | None = None


@dataclass
class Case:
    """`since` is the number of redemptions before it; `state_before` is the state that an undo restores."""

    id: UUID
    since: int
    state: str = "open"
    state_before: tuple[str, UUID | None] = ("active", None)


@dataclass
class Model:
    """The scores that a player should have."""

    id: UUID
    name: str
    status: str = "active"
    under: UUID | None = None
    redeemed: list[Redeemed] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    @property
    def own(self) -> int:
        return sum(redeemed.points for redeemed in self.redeemed if redeemed.voided_by is None)

    @property
    def public(self) -> int:
        held_points = sum(
            redeemed.points
            for redeemed in self.redeemed
            if redeemed.voided_by is None and redeemed.under and redeemed.under == self.under
        )
        return self.own - held_points

    @property
    def visible_score(self) -> int:
        return self.public if self.status == "active" else 0

    @property
    def open_case(self) -> Case | None:
        return next((case for case in self.cases if case.state == "open"), None)

    def decide(self, case: Case, decision: str) -> None:
        case.state, case.state_before = decision, (self.status, self.under)
        self.status, self.under = ("active" if decision == "cleared" else "suspended"), None
        if decision == "confirmed":
            for redeemed in self.redeemed[case.since :]:
                redeemed.voided_by = redeemed.voided_by or case.id

    def undo(self, case: Case) -> None:
        case.state, (self.status, self.under) = "open", case.state_before
        for redeemed in self.redeemed:
            if redeemed.voided_by == case.id:
                redeemed.voided_by = None


def _apply_act(strict_field: Field, player: Model, act: str, points: int) -> None:
    decisions, moderation = strict_field.container.decisions, strict_field.container.moderation
    if act == "redeem" and player.status == "active":
        strict_field.score(player.id, points)
        player.redeemed.append(Redeemed(points, player.under))
    elif act == "suspect":
        case_id = strict_field.suspect(player.id)
        if player.open_case is None:
            player.cases.append(Case(case_id, len(player.redeemed)))
        player.under = case_id
    elif act in ("cleared", "confirmed") and player.open_case:
        case = player.open_case
        decisions.decide(case.id, act, BY)  # type: ignore[arg-type]
        player.decide(case, act)
    elif act == "undo" and player.cases and player.open_case is None:
        case = player.cases[-1]
        decisions.undo(case.id, BY)
        player.undo(case)
    elif act in ("reinstate", "suspend"):
        getattr(moderation, act)(player.id, "test")
        player.status = "active" if act == "reinstate" else "suspended"


def _check_views(strict_field: Field, players: list[Model]) -> None:
    for player in players:
        view = strict_field.view(player.id)
        above = sum(rival.visible_score > player.own for rival in players if rival is not player)
        rank = above + 1 if player.own and player.status == "active" else None
        assert (view.own["score"], view.own["rank"]) == (player.own, rank), player
        assert view.public["score"] == player.public, player


def _check_board(strict_field: Field, players: list[Model]) -> None:
    expected = sorted(
        [(player.name, player.visible_score) for player in players if player.visible_score], key=lambda row: -row[1]
    )
    top = [(name, score) for name, score, _ in strict_field.top()]
    assert sorted(top) == sorted(expected)
    assert [score for _, score in top] == [score for _, score in expected]
    assert strict_field.books() == []


def _empty_board(strict_field: Field) -> list[Model]:
    """Empty the board, and return three new players on it."""
    strict_field.container.database.rows(
        "UPDATE standings SET listed = false, changes = changes + 1 WHERE listed RETURNING player_id"
    )
    strict_field.container.database.rows("UPDATE players SET status = 'suspended', status_at = NULL RETURNING id")
    strict_field.deliver()
    strict_field.container.board_sync.rebuild(strict_field.container.standings.season("main"))
    names = [f"p-{uuid4().hex[:20]}" for _ in range(3)]
    return [Model(_add(strict_field, name), name) for name in names]


def _add(strict_field: Field, name: str) -> UUID:
    player = uuid4()
    strict_field.container.players.add(player, name, name, "no password fits this", "player")
    return player


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_board_the_views_and_the_ledger_agree(strict_field: Field, steps: list[tuple[str, int, int]]) -> None:
    players = _empty_board(strict_field)
    for act, number, points in steps:
        _apply_act(strict_field, players[number], act, points)
        assert [strict_field.view(player.id).own["score"] for player in players] == [player.own for player in players]
        if act == "look":
            strict_field.deliver()
            _check_views(strict_field, players)
            _check_board(strict_field, players)
    strict_field.deliver()
    _check_views(strict_field, players)
    _check_board(strict_field, players)


def _redeem_until(strict_field: Field, player: Model, over: threading.Event) -> None:
    while not over.is_set():
        try:
            strict_field.score(player.id, 1)
        except _NOT_SCORED:
            continue


def _judge(strict_field: Field, player: Model, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(8):
        case = strict_field.suspect(player.id)
        for step in range(chance.randint(1, 3)):
            try:
                if step % 2:
                    strict_field.container.decisions.undo(case, BY)
                else:
                    strict_field.container.decisions.decide(case, chance.choice(DECISIONS), BY)
            except Conflict:
                continue
        strict_field.container.moderation.reinstate(player.id, "test")


def test_the_books_are_clean_after_people_decided_while_players_redeemed(strict_field: Field) -> None:
    players = _empty_board(strict_field)
    over = threading.Event()
    with ThreadPoolExecutor(9) as pool:
        redeeming = [pool.submit(_redeem_until, strict_field, player, over) for player in players * 2]
        judging = [pool.submit(_judge, strict_field, player, seed) for seed, player in enumerate(players)]
        errors = [task.exception() for task in judging]
        over.set()
        errors += [task.exception() for task in redeeming]
    assert errors == [None] * 9
    while strict_field.container.corrections.resume_all(5.0):
        pass
    strict_field.container.status_repair.sweep()
    strict_field.deliver()
    assert strict_field.books() == []
    scored = strict_field.container.database.rows("SELECT count(*) AS n FROM score_events WHERE kind = 'redeem'")[0].n
    assert scored > 50
