"""Rules of play: redemptions of every kind, retries, processes that die, and a redemption that takes long."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.containers.container import Container
from app.domain.boards import Season
from app.domain.redemption import Completed, RedemptionRequest, StandingChange
from app.domain.scoring import BoardFold
from app.errors import AccountSuspended, BoardClosed, InvalidToken, TokenAlreadyUsed
from app.services.play.actions import Issued
from tests.integration.boards.machine.model import PlayerModel, SeasonKey, TypeModel
from tests.integration.boards.machine.world import BY, PLAYERS, TYPES, Clock, World

PLAYER = st.integers(0, PLAYERS - 1)
TYPE = st.sampled_from(["run", "run", "solo", *TYPES])
RESULT = st.sampled_from([1, 3, 0, -2, 1])
PROMPT = st.sampled_from([True, True, False])
"""Whether all changes are delivered at once."""


class Play(World):
    """Players redeem actions. Every answer is compared with the fold before and after."""

    def __init__(self, start: Callable[[], tuple[Container, Clock]]) -> None:
        super().__init__(start)
        self.answers: list[tuple[RedemptionRequest, Completed | None, PlayerModel]] = []
        self.flight, self.numbers = ExitStack(), 0

    # Hypothesis prefers the rule with the fewest arguments, and the first name.
    @rule(play=st.tuples(PLAYER, TYPE, RESULT, st.sampled_from([True, True, False]), PROMPT))
    def redeem(self, play: tuple[int, str, int, bool, bool]) -> None:
        """Redeem an action, with an answer."""
        player, slug, result, has_key, prompt = play
        free = self.free_player(player)
        if free:
            self.redeem_one(free, slug, result, has_key=has_key)
        if prompt:
            self.deliver()

    @rule(players=st.permutations(range(PLAYERS)), slug=TYPE, result=RESULT)
    def tie(self, players: list[int], slug: str, result: int) -> None:
        """Let two players redeem the same result, one after the other."""
        for free in filter(None, map(self.free_player, players[:2])):
            self.redeem_one(free, slug, result)
        self.deliver()

    @rule(player=PLAYER, slug=st.sampled_from(["run", "coin", "solo"]), result=RESULT)
    def die_after_commit(self, player: int, slug: str, result: int) -> None:
        """Redeem in the database, and let the process die before it tells Redis or answers."""
        free, source = self.free_player(player), self.model.types[slug]
        if free is None or free.status != "active":
            return
        request, issued = self._request(free, source, result, has_key=True)
        redeemed = self.container.ledger.redeem(
            issued.promise,
            request_id="r",
            key=request.key,
            fingerprint=request.fingerprint,
            judged=self.clock(),
            result=request.result,
            metadata=request.metadata,
        )
        assert redeemed
        self._note(free, source, UUID(request.action_id), result, request)
        self.answers.append((request, None, free))

    @precondition(lambda self: self.answers)
    @rule(back=st.integers(0, 5), lose=st.booleans())
    def retry(self, back: int, lose: bool) -> None:
        """Send a request again, perhaps after Redis has lost its action: with a key, the answer is the first one."""
        index = len(self.answers) - 1 - back % len(self.answers)
        request, answer, player = self.answers[index]
        if player is self.flying or player.status != "active":
            return
        self.clock.tick()
        if lose:
            self.container.redis.delete(*self.container.redis.keys(f"action:*{request.action_id}"), "none")
        try:
            again = self.container.redemptions.complete(request)
        except (TokenAlreadyUsed, InvalidToken):
            assert not request.key
            return
        assert request.key
        assert again.replayed
        if answer is None:
            self.answers[index] = request, again, player
            return
        assert _figures(again) == _figures(answer)

    @precondition(lambda self: self.flying is None)
    @rule(player=PLAYER, slug=st.sampled_from(["run", "coin", "solo"]), result=RESULT)
    def take_off(self, player: int, slug: str, result: int) -> None:
        """Begin a redemption whose commit takes long."""
        free, source = self.free_player(player), self.model.types[slug]
        if free is None or free.status != "active":
            return
        request, issued = self._request(free, source, result, has_key=False)
        connection = self.flight.enter_context(self.container.database.transaction())
        assert self.container.ledger.redeem(
            issued.promise, request_id="r", key=None, fingerprint="", connection=connection, result=request.result
        )
        self.flying, self.landing = free, (source, UUID(issued.promise.action_id), result)

    def land(self) -> None:
        """Commit the redemption that takes long."""
        if self.flying:
            self.flight.close()
            self._note(self.flying, *self.landing, None)
            self.flying = None

    def redeem_one(self, player: PlayerModel, slug: str, result: int, *, has_key: bool = False) -> None:
        """Redeem an action, and compare the answer with the model."""
        source = self.model.types[slug]
        boards = [key for key in map(self.present, source.boards) if not self.model.periods[key].is_ended]
        before = {key: self.model.fold(player, key) for key in boards}
        is_settled = self.is_settled()
        self.clock.tick()
        try:
            action, changes = self._complete(player, source, result, has_key)
        except BoardClosed:
            self.refresh_periods()
            assert not [key for key in map(self.present, source.boards) if not self.model.periods[key].is_ended]
            return
        except AccountSuspended:
            assert player.status == "suspended"
            return
        assert player.status == "active"
        self._note(player, source, action, result, self.answers[-1][0] if source.kind != "trusted" else None)
        keys = [(change.season.board, change.season.number) for change in changes]
        assert keys == self.model.keys_at(player.events[-1].created_at, slug)
        for key, change in zip(keys, changes, strict=True):
            self._check_change(player, key, change, before.get(key), has_ranks=is_settled)
        if source.kind != "trusted" and player.hold and player.hold.until:
            player.hold = None  # of a clean redemption under a hold that may end

    def _complete(
        self, player: PlayerModel, source: TypeModel, result: int, has_key: bool
    ) -> tuple[UUID, list[StandingChange]]:
        if source.kind == "trusted":
            entered = self.container.operator_scores.enter(player.id, source.slug, result, by=BY.actor, request_id="r")
            return entered.action_id, list(entered.changes)
        request, _ = self._request(player, source, result, has_key)
        self.clock.tick()
        answer = self.container.redemptions.complete(request)
        assert not answer.replayed
        self.answers.append((request, answer, player))
        return UUID(request.action_id), list(answer.changes)

    def _request(
        self, player: PlayerModel, source: TypeModel, result: int, has_key: bool
    ) -> tuple[RedemptionRequest, Issued]:
        self.numbers += 1
        self.clock.tick()
        issued = self.container.actions.issue(player.id, source.slug)
        reported = result if source.kind == "reported" else None
        key = f"key-{self.numbers}" if has_key else None
        metadata = f'{{"number":{self.numbers}}}' if self.numbers % 2 else None
        action = issued.promise.action_id
        return RedemptionRequest(str(player.id), action, issued.token, key, "r", reported, metadata), issued

    def _note(
        self, player: PlayerModel, source: TypeModel, action: UUID, result: int, request: RedemptionRequest | None
    ) -> None:
        """Add a committed redemption to the model, with the time that the database gave it."""
        self.refresh_periods()
        (event,) = self.rows("SELECT created_at FROM score_events WHERE action_id = :action", action=action)
        metadata = {"number": self.numbers} if request and request.metadata else None
        points = result if source.points is None else source.points
        self.model.redeemed(player, source.slug, action, points, event.created_at, metadata)

    def _check_change(
        self, player: PlayerModel, key: SeasonKey, change: StandingChange, before: BoardFold | None, *, has_ranks: bool
    ) -> None:
        own_before, own = before and before.own, self.model.fold(player, key).own
        assert own
        assert (change.previous, change.score) == (own_before and own_before.score, own.score), (key, player)
        assert change.is_counted == (own.run in (None, player.events[-1])), key
        if has_ranks:
            season, truth = self.model.season(key), self.model.truth(key)
            previous = truth.rank(own_before.score, player.id) if own_before else None
            assert change.ranks == (previous, truth.rank(own.score, player.id)), (season, player)


def _figures(answer: Completed) -> tuple[object, ...]:
    """Return the part of an answer that no later change of a board's rules changes."""
    changes = [(_name(change.season), change.previous, change.score, change.ranks) for change in answer.changes]
    return answer.action_id, answer.points, answer.result, changes


def _name(season: Season) -> tuple[str, int]:
    return season.board, season.number
