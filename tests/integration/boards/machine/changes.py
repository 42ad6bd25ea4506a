"""Rules of boards and workers: seasons that end, boards that change, and deliveries that are late or come twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.containers.container import Container
from app.domain.board_plans import Fields, Plan
from app.domain.boards import MAIN, MOST_BOARDS, Season
from app.domain.scoring import Order, Scoring
from app.services.boards.replays import Replays
from app.stores.boards.orders import MirroredStanding
from tests.integration.boards.machine.model import Model, Rules, SeasonKey
from tests.integration.boards.machine.moderation import Moderation
from tests.integration.boards.machine.play import PLAYER, PROMPT, RESULT
from tests.integration.boards.machine.world import BOARDS, BY, TYPES, Clock

KINDS: tuple[tuple[Scoring, Order], ...] = (
    ("sum", "desc"),
    ("best", "desc"),
    ("best", "asc"),
    ("last", "desc"),
    ("last", "asc"),
    ("count", "desc"),
)
BOARD = st.sampled_from([MAIN, *BOARDS])
ACT = st.tuples(st.sampled_from(["redeem", "redeem", "void", "hold", "reach back", "status", "turn"]), PLAYER, RESULT)


class Changes(Moderation):
    """Boards change while players play, and Redis follows whenever its workers come to it."""

    def __init__(self, start: Callable[[], tuple[Container, Clock]]) -> None:
        super().__init__(start)
        self.stale: list[tuple[Season, list[MirroredStanding]]] = []

    @rule(board=BOARD, prompt=PROMPT)
    def turn(self, board: str, prompt: bool) -> None:
        """End the open season of a board now, and let the next one begin."""
        with self.container.database.transaction() as connection:
            now = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            values = {"at": now, "board": self.model.board_ids[board]}
            if (
                board == "hourly"
                and not connection.exec_driver_sql(
                    "UPDATE seasons SET starts_at = %(at)s WHERE board_id = %(board)s AND starts_at > %(at)s", values
                ).rowcount
            ):
                return  # the next season is not planned yet
            ended = connection.exec_driver_sql(
                """
                UPDATE seasons SET ends_at = %(at)s WHERE board_id = %(board)s AND number > 0
                AND starts_at < %(at)s AND (ends_at IS NULL OR ends_at > %(at)s) RETURNING number
                """,
                values,
            ).all()
            if board == "cup":
                connection.exec_driver_sql("UPDATE boards SET ends_at = %(at)s WHERE id = %(board)s", values)
            elif board != "hourly":
                values["number"] = ended[0].number + 1
                connection.exec_driver_sql(
                    "INSERT INTO seasons (board_id, number, starts_at) VALUES (%(board)s, %(number)s, %(at)s)", values
                )
        self.refresh_periods()
        if prompt:
            self.deliver()

    @rule(board=BOARD, kind=st.sampled_from(KINDS), acts=st.lists(ACT, max_size=4))
    def change_scoring(self, board: str, kind: tuple[Scoring, Order], acts: list[tuple[str, int, int]]) -> None:
        """Change the scoring and the order of a board, by a replay if it has events."""
        self._carry_out({board: {"scoring": kind[0], "order": kind[1]}}, {}, acts)

    @rule(board=BOARD, slug=st.sampled_from(list(TYPES)), acts=st.lists(ACT, max_size=4))
    def change_feed(self, board: str, slug: str, acts: list[tuple[str, int, int]]) -> None:
        """Let an action type feed a board, or feed it no more."""
        boards = [name for name in self.model.types[slug].boards if name != board]
        if len(boards) == len(self.model.types[slug].boards):
            boards.append(board)
        is_fed = any(board in source.boards for source in self.model.types.values() if source.slug != slug)
        if 1 <= len(boards) <= MOST_BOARDS and (board in boards or is_fed):
            self._carry_out({}, {slug: {"boards": boards}}, acts)

    @rule(kind=st.sampled_from(KINDS), acts=st.lists(ACT, max_size=4))
    def add_board(self, kind: tuple[Scoring, Order], acts: list[tuple[str, int, int]]) -> None:
        """Add a board over the past."""
        boards = [*self.model.types["goal"].boards, "extra"]
        if "extra" not in self.model.board_ids and len(boards) <= MOST_BOARDS:
            fields = {"scoring": kind[0], "order": kind[1], "segments": ["country"]}
            self._carry_out({"extra": fields}, {"goal": {"boards": boards}}, acts)

    @precondition(lambda self: self.mail)
    @rule(number=st.integers(0, 5), is_last=st.booleans())
    def work(self, number: int, is_last: bool) -> None:
        """Let a worker do one of the tasks that wait, in any order; unless it `is_last`, the task comes again."""
        change = self.mail[number % len(self.mail)]
        self.work_on(change)
        if is_last:
            self.mail.remove(change)

    @rule(job=st.sampled_from(["collect", "deliver", "read early", "write late", "lose Redis", "repair", "land"]))
    def serve(self, job: str) -> None:
        """Let a process do its work, or stop in the middle of it; or empty Redis, whose boards are rebuilt later."""
        if job == "collect":
            self.collect()
        elif job == "deliver":
            self.deliver()
        elif job == "read early" and not self.stale:
            self._read_early()
        elif job in ("read early", "write late"):
            self._write_late()
        elif job == "lose Redis":
            self.container.redis.flushdb()
        elif job == "repair":
            self.container.board_sync.repair()
        else:
            self.land()

    def _read_early(self) -> None:
        """Let a worker read the standings of all boards, and stop before it writes them."""
        players = [player.id for player in self.model.players]
        for season in self.container.catalog.mirrored_seasons():
            self.stale.append((season, self.container.standing_store.members(season, players)))

    def _write_late(self) -> None:
        """Let the worker that stopped go on."""
        for season, members in self.stale:
            rows = [(str(member.player), member.score, member.change) for member in members]
            self.container.rankings.apply(season, rows)
            self.container.rankings.orders.arrange(season, members)
        self.stale.clear()

    def _carry_out(self, boards: dict[str, Fields], types: dict[str, Fields], acts: list[tuple[str, int, int]]) -> None:
        plan = self.container.board_plans.plan(boards, types)
        if self.flying or plan.is_empty or self._is_over(plan):
            return
        if not self.container.board_plans.boards_to_replay(plan):
            self.container.board_plans.apply(plan, by=BY)
            self._change(boards, types)
            return
        self._check_outlook(plan, boards, types)
        self._replay(self.container.board_plans.begin_replay(plan, by=BY), boards, types, acts)
        self.deliver()

    def _is_over(self, plan: Plan) -> bool:
        """Return whether a board of the plan has no open season: a contest, once it is over, is final."""
        return any(slug in self.model.board_ids and self._open_key(slug) is None for slug in plan.feeds)

    def _open_key(self, board: str) -> SeasonKey | None:
        key = self.present(board)
        return None if self.model.periods[key].is_ended else key

    def _replay(
        self, replay: UUID, boards: dict[str, Fields], types: dict[str, Fields], acts: list[tuple[str, int, int]]
    ) -> None:
        waiting, has_switched = list(acts), False
        replays: Replays = self.container.replays
        replays.batch = 2

        def go_on(_standings: int) -> None:
            nonlocal has_switched
            unfinished = replays.unfinished()
            if not has_switched and (unfinished is None or unfinished.state == "switched"):
                has_switched = True
                self._change(boards, types)
            if waiting and unfinished:
                self._act(*waiting.pop())

        assert replays.work(replay, go_on).state == "done"
        assert has_switched

    def _act(self, name: str, player: int, number: int) -> None:
        if name == "redeem":
            self.redeem_one(self.model.players[player], "run" if number else "coin", number)
        elif name == "void":
            self.void_of_player(player=player, back=1 + number % 4, prompt=number > 1)
        elif name == "hold":
            self.hold(player=player, lasts=number > 0, slug="run", result=number)
        elif name == "reach back":
            self.reach_back(player=player, back=1 + number % 4, prompt=number > 1)
        elif name == "status":
            self.change_status(player=player, prompt=number > 1)
        else:
            self.turn(board=[MAIN, *BOARDS][2 * player], prompt=number > 1)

    def _change(self, boards: dict[str, Fields], types: dict[str, Fields]) -> None:
        """Change the model as the plan says."""
        _apply_plan(self.model, self._open_keys(), boards, types)
        self.model.board_ids = {row.slug: row.id for row in self.rows("SELECT id, slug FROM boards")}
        self.refresh_periods()

    def _open_keys(self) -> list[SeasonKey]:
        return [key for key in map(self._open_key, self.model.board_ids) if key]

    def _check_outlook(self, plan: Plan, boards: dict[str, Fields], types: dict[str, Fields]) -> None:
        """Compare the players that the replay would move with the model's."""
        outcome = self.model.copy()
        _apply_plan(outcome, self._open_keys(), boards, types)
        expected = {}
        for key in self._open_keys():
            if key[0] not in plan.feeds:
                continue
            before = {row[1]: row for row in self.model.truth(key).rows}
            after = {row[1]: row for row in outcome.truth(key).rows}
            for player in before.keys() | after.keys():
                old, new = before.get(player, (None, None, None)), after.get(player, (None, None, None))
                if old[0] != new[0]:
                    expected[(*key, player)] = (old[2], new[2], old[0], new[0])
        moves = {
            (move["board"], move["season"], move["player_id"]): (
                move["score_before"],
                move["score_after"],
                move["rank_before"],
                move["rank_after"],
            )
            for move in self.container.replays.outlook(plan, 1000).moves
            if move["board"] in self.model.board_ids
        }
        assert moves == expected


def _apply_plan(model: Model, open_keys: list[SeasonKey], boards: dict[str, Fields], types: dict[str, Fields]) -> None:
    """Change the rules of the open seasons of these boards; ended ones keep theirs."""
    for slug, fields in types.items():
        model.types[slug].boards = list(fields["boards"])  # type: ignore[call-overload]
    for key in open_keys:
        fed = frozenset(slug for slug, source in model.types.items() if key[0] in source.boards)
        rules: Rules = replace(model.rules[key], types=fed)
        if key[0] in boards:
            changes = boards[key[0]]
            rules = replace(rules, scoring=changes["scoring"], order=changes["order"])  # type: ignore[arg-type]
        model.rules[key] = rules
