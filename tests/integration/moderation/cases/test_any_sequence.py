"""Whatever is played and decided in whatever order: the public board, the private views and the ledger agree."""

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

# Not scored: suspended meanwhile, or one of two that would have waited for each other.
_LOST: tuple[type[Exception], ...] = (AssertionError, *UNAVAILABLE)
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
    """`since` is the number of redemptions before it; `before` what the last decision will give back."""

    id: UUID
    since: int
    state: str = "open"
    before: tuple[str, UUID | None] = ("active", None)


@dataclass
class Model:
    """What a player's scores should be."""

    id: UUID
    name: str
    status: str = "active"
    under: UUID | None = None
    redeemed: list[Redeemed] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    @property
    def own(self) -> int:
        return sum(one.points for one in self.redeemed if one.voided_by is None)

    @property
    def seen(self) -> int:
        held = sum(
            one.points for one in self.redeemed if one.voided_by is None and one.under and one.under == self.under
        )
        return self.own - held

    @property
    def shown(self) -> int:
        return self.seen if self.status == "active" else 0

    @property
    def open_case(self) -> Case | None:
        return next((case for case in self.cases if case.state == "open"), None)

    def decide(self, case: Case, decision: str) -> None:
        case.state, case.before = decision, (self.status, self.under)
        self.status, self.under = ("active" if decision == "cleared" else "suspended"), None
        if decision == "confirmed":
            for one in self.redeemed[case.since :]:
                one.voided_by = one.voided_by or case.id

    def undo(self, case: Case) -> None:
        case.state, (self.status, self.under) = "open", case.before
        for one in self.redeemed:
            if one.voided_by == case.id:
                one.voided_by = None


def _act(strict: Field, player: Model, act: str, points: int) -> None:
    decisions, moderation = strict.container.decisions, strict.container.moderation
    if act == "redeem" and player.status == "active":
        strict.score(player.id, points)
        player.redeemed.append(Redeemed(points, player.under))
    elif act == "suspect":
        found = strict.suspect(player.id)
        if player.open_case is None:
            player.cases.append(Case(found, len(player.redeemed)))
        player.under = found
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


def _check_views(strict: Field, players: list[Model]) -> None:
    for player in players:
        view = strict.view(player.id)
        above = sum(other.shown > player.own for other in players if other is not player)
        rank = above + 1 if player.own and player.status == "active" else None
        assert (view.own["score"], view.own["rank"]) == (player.own, rank), player
        assert view.seen["score"] == player.seen, player


def _check_board(strict: Field, players: list[Model]) -> None:
    expected = sorted([(one.name, one.shown) for one in players if one.shown], key=lambda row: -row[1])
    found = [(name, score) for name, score, _ in strict.top()]
    assert sorted(found) == sorted(expected)
    assert [score for _, score in found] == [score for _, score in expected]
    assert strict.books() == []


def _empty(strict: Field) -> list[Model]:
    """Three new players on a board with nobody else."""
    strict.container.database.rows(
        "UPDATE standings SET listed = false, changes = changes + 1 WHERE listed RETURNING player_id"
    )
    strict.container.database.rows("UPDATE players SET status = 'suspended', status_at = NULL RETURNING id")
    strict.deliver()
    strict.container.refresh.rebuild(strict.container.standings.season("main"))
    names = [f"p-{uuid4().hex[:20]}" for _ in range(3)]
    return [Model(_add(strict, name), name) for name in names]


def _add(strict: Field, name: str) -> UUID:
    player = uuid4()
    strict.container.players.add(player, name, name, "no password fits this", "player")
    return player


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_board_the_views_and_the_ledger_agree(strict: Field, steps: list[tuple[str, int, int]]) -> None:
    players = _empty(strict)
    for act, who, points in steps:
        _act(strict, players[who], act, points)
        assert [strict.view(one.id).own["score"] for one in players] == [one.own for one in players]
        if act == "look":
            strict.deliver()
            _check_views(strict, players)
            _check_board(strict, players)
    strict.deliver()
    _check_views(strict, players)
    _check_board(strict, players)


def _redeem_until(strict: Field, player: Model, over: threading.Event) -> None:
    while not over.is_set():
        try:
            strict.score(player.id, 1)
        except _LOST:
            continue


def _judge(strict: Field, player: Model, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(8):
        case = strict.suspect(player.id)
        for step in range(chance.randint(1, 3)):
            try:
                if step % 2:
                    strict.container.decisions.undo(case, BY)
                else:
                    strict.container.decisions.decide(case, chance.choice(DECISIONS), BY)
            except Conflict:
                continue
        strict.container.moderation.reinstate(player.id, "test")


def test_the_books_are_clean_after_people_decided_while_players_redeemed(strict: Field) -> None:
    players = _empty(strict)
    over = threading.Event()
    with ThreadPoolExecutor(9) as pool:
        redeeming = [pool.submit(_redeem_until, strict, player, over) for player in players * 2]
        judging = [pool.submit(_judge, strict, player, seed) for seed, player in enumerate(players)]
        errors = [each.exception() for each in judging]
        over.set()
        errors += [each.exception() for each in redeeming]
    assert errors == [None] * 9
    while strict.container.corrections.go_on(5.0):
        pass
    strict.container.status_repair.sweep()
    strict.deliver()
    assert strict.books() == []
    scored = strict.container.database.rows("SELECT count(*) AS n FROM score_events WHERE kind = 'redeem'")[0].n
    assert scored > 50
