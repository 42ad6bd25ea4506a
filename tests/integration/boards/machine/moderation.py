"""Rules of moderation: voids, restores, holds, decisions, suspensions, and the segments of players."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from app.domain.corrections import Selection
from app.domain.scoring import ScoreEvent
from app.domain.times import utc
from app.services.accounts.player_changes import PlayerChange
from app.services.moderation.decisions import DecisionAuthor
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.correction_previews import Preview
from app.stores.moderation.quarantine import QuarantineStore
from tests.integration.boards.machine.model import CaseModel, Model, PlayerModel, VoidModel, moves
from tests.integration.boards.machine.play import PLAYER, PROMPT, RESULT, TYPE, Play
from tests.integration.boards.machine.world import BOARDS, TYPES

_AUTHOR = DecisionAuthor("cli:tests", "a test", "r")
_SECONDS = 0.05  # for events that are visible; the worker waits for those in flight


class Moderation(Play):
    """Operators and anti-cheat decide about players and their events. Every preview is compared with the outcome."""

    @rule(player=PLAYER, back=st.integers(1, 4), prompt=PROMPT)
    def void_of_player(self, player: int, back: int, prompt: bool) -> None:
        """Void the newest events of a player, or all of them."""
        events = self.model.players[player].events
        since = events[-back].created_at if len(events) >= back and back < 4 else None
        self._void(Selection(player_id=self.model.players[player].id, since=since))
        self._end(prompt)

    @rule(
        slug=st.sampled_from([None, *TYPES]),
        board=st.sampled_from([None, *BOARDS]),
        back=st.integers(1, 6),
        prompt=PROMPT,
    )
    def void_of_time(self, slug: str | None, board: str | None, back: int, prompt: bool) -> None:
        """Void the newest events of all players, or those of an action type or a board."""
        times = sorted(event.created_at for player in self.model.players for event in player.events)
        if times:
            type_id = self.model.types[slug].id if slug else None
            board_id = self.model.board_ids[board] if board else None
            self._void(Selection(action_type_id=type_id, board_id=board_id, since=times[-back:][0]))
        self._end(prompt)

    def _void(self, selection: Selection) -> None:
        selected = {player.id: self.model.selected(player, selection) for player in self.model.players}
        if self.flying and (selected[self.flying.id] or selection.player_id == self.flying.id):
            return  # it would wait for the redemption that takes long
        outcome, void = self.model.copy(), VoidModel(UUID(int=0))
        outcome.void(void, selection)
        self._check_preview(self.container.corrections.preview(selection, limit=1000), outcome, selected)
        void.id = self.container.corrections.void(selection, actor="cli:tests", reason="a test", request_id="r")
        self.container.corrections.work(void.id, seconds=_SECONDS)
        self.model.void(void, selection)
        self.model.voids.append(void)

    @precondition(lambda self: any(not void.is_restored for void in self.model.voids))
    @rule(number=st.integers(0, 3), prompt=PROMPT)
    def restore(self, number: int, prompt: bool) -> None:
        """Restore one of the voids that stand."""
        voids = [void for void in self.model.voids if not void.is_restored]
        void = voids[number % len(voids)]
        back = {player.id: _voided_events(player, void) for player in self.model.players}
        if self.flying and back[self.flying.id]:
            return
        outcome, selection = self.model.copy(), self.container.corrections.get(void.id).selection
        outcome.restore(copy(void))
        preview = self.container.corrections.preview(selection, restores_id=void.id, limit=1000)
        self._check_preview(preview, outcome, back)
        restore = self.container.corrections.restore(void.id, actor="cli:tests", reason="a test", request_id="r")
        self.container.corrections.work(restore, seconds=_SECONDS)
        self.model.restore(void)
        self._end(prompt)

    @precondition(lambda self: self.model.voids and self.flying is None)
    @rule(prompt=PROMPT)
    def resume(self, prompt: bool) -> None:
        """Let a worker go on with all corrections that are unfinished."""
        for void in self.model.voids:
            correction = self.container.corrections.get(void.id)
            if correction.state == "running":
                self.model.void(void, correction.selection, correction.selection.until)
        self.container.corrections.resume_all(_SECONDS * 10)
        self._end(prompt)

    @initialize(
        events=st.lists(st.tuples(PLAYER, TYPE, RESULT), min_size=4, max_size=12), suspect=st.one_of(st.none(), PLAYER)
    )
    def begin(self, events: list[tuple[int, str, int]], suspect: int | None) -> None:
        """Let the players have some events at first, and perhaps one of them a hold."""
        for player, slug, result in events:
            self.redeem_one(self.model.players[player], slug, result)
        if suspect is not None:
            self.hold(player=suspect, lasts=True, slug="solo", result=1)
        self.deliver()

    @rule(player=PLAYER, lasts=st.sampled_from([True, True, False]), slug=TYPE, result=RESULT)
    def hold(self, player: int, lasts: bool, slug: str, result: int) -> None:
        """Open a case, and hold what the player scores from now on: until a decision, or for a time. Score then."""
        free = self.free_player(player)
        if free is None:
            return
        until = None if lasts else utc(self.clock() - 1)
        with self.container.database.transaction() as connection:
            case = self.container.suspicions.open_case(
                connection, str(free.id), half_life=1800.0, hold=True, held_until=until
            )
        if free.open_case is None:
            free.cases.append(CaseModel(case))
        self.read_hold(free)
        assert free.hold
        self.redeem_one(free, slug, result)

    @precondition(lambda self: any(player.hold for player in self.model.players))
    @rule(player=PLAYER, back=st.integers(1, 5), prompt=PROMPT)
    def reach_back(self, player: int, back: int, prompt: bool) -> None:
        """Hold the newest events of a player too."""
        free = self.free_player(player)
        if free is None or free.hold is None or not free.events:
            return
        since = free.events[-back:][0].created_at
        with self.container.database.transaction() as connection:
            self.container.players.lock(connection, free.id)
            seasons = QuarantineStore(self.container.database).reach_back(
                connection, free.id, since, hold_id=free.hold.id, lasts=free.hold.until is None
            )
            OutboxStore(self.container.database).add_standings(connection, free.id, "r", seasons)
        self.read_hold(free)
        self._end(prompt)

    @precondition(lambda self: any(player.hold and player.hold.until for player in self.model.players))
    @rule(prompt=PROMPT)
    def release(self, prompt: bool) -> None:
        """End the holds that end by themselves."""
        if self.flying and self.flying.hold and self.flying.hold.until:
            return
        self.container.holds.end_due()
        for player in self.model.players:
            if player.hold and player.hold.until:
                player.hold = None
        self._end(prompt)

    @precondition(lambda self: self.decidable_players())
    @rule(number=PLAYER, is_confirmed=st.booleans(), prompt=PROMPT)
    def decide(self, number: int, is_confirmed: bool, prompt: bool) -> None:
        """Clear or confirm the open case of a player."""
        players = self.decidable_players()
        free = players[number % len(players)]
        case = free.open_case
        assert case
        case.before = (free.status, free.hold)
        if is_confirmed:
            self._confirm(free, case)
        else:
            outcome, twin = self._imagine(free)
            twin.status, twin.hold = "active", None
            self._check_preview(self.container.decisions.preview(case.id, "cleared", _AUTHOR, limit=1000), outcome, {})
            self.container.decisions.decide(case.id, "cleared", _AUTHOR)
            free.status, free.hold = "active", None
        self._end(prompt)

    def _imagine(self, player: PlayerModel) -> tuple[Model, PlayerModel]:
        """Return a copy of the model to change, and the player in it."""
        outcome = self.model.copy()
        (twin,) = [twin for twin in outcome.players if twin.id == player.id]
        return outcome, twin

    def decidable_players(self) -> list[PlayerModel]:
        """Return the players with an open case."""
        return [player for player in self.model.players if player.open_case and player is not self.flying]

    def _confirm(self, player: PlayerModel, case: CaseModel) -> None:
        (row,) = self.rows("SELECT starts_at FROM cases WHERE id = :id", id=case.id)
        selection = Selection(player_id=player.id, since=row.starts_at)
        outcome, suspect = self._imagine(player)
        events = {player.id: self.model.selected(player, selection)}
        outcome.void(VoidModel(case.id), selection)
        suspect.status, suspect.hold = "suspended", None
        preview = self.container.decisions.preview(case.id, "confirmed", _AUTHOR, limit=1000)
        self._check_preview(preview, outcome, events)
        correction = self.container.decisions.decide(case.id, "confirmed", _AUTHOR).correction_id
        assert correction
        void = VoidModel(correction)
        player.status, player.hold = "suspended", None
        self.model.void(void, selection)
        self.model.voids.append(void)
        case.voids.append(void)

    @precondition(lambda self: self.undoable_players())
    @rule(number=PLAYER, prompt=PROMPT)
    def undo(self, number: int, prompt: bool) -> None:
        """Undo the last decision on the newest case of a player."""
        players = self.undoable_players()
        free = players[number % len(players)]
        case = free.cases[-1]
        assert case.before
        outcome, twin = self._imagine(free)
        voids = [void for void in case.voids if not void.is_restored]
        back = {free.id: [event for void in voids for event in _voided_events(free, void)]}
        for void in voids:
            outcome.restore(copy(void))
        twin.status, twin.hold = case.before
        self._check_preview(self.container.decisions.preview(case.id, None, _AUTHOR, limit=1000), outcome, back)
        self.container.decisions.undo(case.id, _AUTHOR)
        for void in case.voids:
            if not void.is_restored:
                self.model.restore(void)
        (free.status, free.hold), case.before = case.before, None
        self._end(prompt)

    def undoable_players(self) -> list[PlayerModel]:
        """Return the players whose cases are all decided."""
        players = [player for player in self.model.players if player.cases and not player.open_case]
        return [player for player in players if player is not self.flying]

    @rule(player=PLAYER, prompt=PROMPT)
    def change_status(self, player: int, prompt: bool) -> None:
        """Suspend or reinstate a player."""
        free = self.free_player(player)
        if free is None:
            return
        outcome, twin = self._imagine(free)
        twin.status = "suspended" if free.status == "active" else "active"
        if twin.status == "active" and twin.hold and twin.hold.until:
            twin.hold = None
        preview = self.container.corrections.preview_status(free.id, twin.status, limit=1000)
        self._check_preview(preview, outcome, {})
        if free.status == "active":
            self.container.moderation.suspend(free.id, "r", by="cli:tests")
            free.status = "suspended"
        else:
            self.container.moderation.reinstate(free.id, "r", by="cli:tests")
            free.status = "active"
            if free.hold and free.hold.until:
                free.hold = None
        self._end(prompt)

    @rule(player=PLAYER, country=st.sampled_from(["JP", "BR", None]), prompt=PROMPT)
    def move(self, player: int, country: str | None, prompt: bool) -> None:
        """Move a player to another segment."""
        free = self.free_player(player)
        if free:
            change = PlayerChange(attributes={"country": country})
            self.container.player_changes.change(free.id, change, by="cli:tests", request_id="r")
            free.country = country
        self._end(prompt)

    def _check_preview(
        self, preview: Preview, outcome: Model, touched: dict[UUID, Sequence[ScoreEvent]] | dict[UUID, list[ScoreEvent]]
    ) -> None:
        events = [event for player_events in touched.values() for event in player_events]
        assert (preview.events, preview.points) == (len(events), sum(abs(event.points) for event in events))
        rows = {
            (row["board"], row["season"], row["player_id"]): (
                row["score_before"],
                row["score_after"],
                row["rank_before"],
                row["rank_after"],
                row["events"],
            )
            for row in preview.rows
        }
        assert rows == moves(self.model, outcome, touched)

    def _end(self, prompt: bool) -> None:
        if prompt:
            self.deliver()


def _voided_events(player: PlayerModel, void: VoidModel) -> list[ScoreEvent]:
    return [
        event for event in player.events if event.kind == "redeem" and player.voided_by.get(event.action_id) == void.id
    ]
