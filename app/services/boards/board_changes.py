"""The way of a change of boards and action types: planned, compared with the past, and carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.board_plans import Catalog, Fields, Plan
from app.domain.boards import ActionType
from app.errors import Conflict, InvalidRequest, NotFound, RebuildRequired
from app.services.boards.board_plans import BoardPlans
from app.services.boards.plan_writer import Operator
from app.services.boards.replays import Outlook, Replays
from app.services.play.actions import Actions
from app.stores.boards.replay_previews import PREVIEW_SECONDS


@dataclass(frozen=True, slots=True)
class Prospect:
    """A plan with the boards whose past scores it changes, and the players that it would move.

    `outlook` is None for a plan that needs no replay, and while another replay is unfinished.
    """

    plan: Plan
    replayed: Sequence[str]
    outlook: Outlook | None


class BoardChanges:
    """The requests of operators, on the command line and over HTTP. Fields of errors are those of the board or type."""

    def __init__(self, plans: BoardPlans, replays: Replays, actions: Actions) -> None:
        self._plans, self._replays, self._actions = plans, replays, actions

    def plan_board(self, slug: str, values: Fields, types: Sequence[str]) -> Plan:
        """Return the plan of a new board that these action types feed. Raises InvalidRequest, NotFound."""
        catalog = self._plans.catalog()
        if slug in catalog.boards:
            raise InvalidRequest.field("slug", f"is taken: the board '{slug}' exists")
        if not types:
            raise InvalidRequest.field("action_types", "must be given: at least one action type feeds a board")
        return self._plan("boards", slug, {slug: values}, _feeds(catalog, slug, types, ()))

    def plan_board_change(self, slug: str, values: Fields, added: Sequence[str], removed: Sequence[str]) -> Plan:
        """Return the plan that changes a board, and the action types that feed it. Raises InvalidRequest, NotFound."""
        self._plans.find(slug)
        return self._plan("boards", slug, {slug: values}, _feeds(self._plans.catalog(), slug, added, removed))

    def plan_type(self, slug: str, values: Fields) -> Plan:
        """Return the plan of a new action type, which feeds main unless `boards` says otherwise.

        Raises InvalidRequest, Conflict.
        """
        if slug in self._plans.catalog().types:
            raise Conflict(f"The action type '{slug}' exists already.")
        return self._plan("action_types", slug, {}, {slug: values})

    def plan_type_change(self, slug: str, values: Fields) -> Plan:
        """Return the plan that changes an action type. Raises InvalidRequest, NotFound."""
        self.action_type(slug)
        return self._plan("action_types", slug, {}, {slug: values})

    def change_type(self, slug: str, values: Mapping[str, object], *, rebuild: bool, by: Operator) -> UUID | None:
        """Change an action type, with a plan where it comes to feed other boards; return the id of a replay, if any.

        Raises InvalidRequest, NotFound, and the errors of `carry_out`.
        """
        if "boards" in values:
            return self.carry_out(self.plan_type_change(slug, values), rebuild=rebuild, by=by)
        self._actions.change(slug, values, by=by.actor, request_id=by.request_id)
        return None

    def action_type(self, slug: str) -> ActionType:
        """Return an action type that can be started. Raises NotFound."""
        action_type = self._plans.catalog().types.get(slug)
        if action_type is None:
            raise _no_type(slug)
        return action_type

    def prospect(self, plan: Plan, most: int, *, seconds: int = PREVIEW_SECONDS) -> Prospect:
        """Return the changes of the plan, with `most` of the players that it would move.

        Raises Unavailable where that takes longer than `seconds`.
        """
        replayed = [] if plan.is_empty else self._plans.boards_to_replay(plan)
        outlook = None
        if replayed and self._replays.unfinished() is None:
            outlook = self._replays.outlook(plan, most, seconds=seconds)
        return Prospect(plan, replayed, outlook)

    def carry_out(self, plan: Plan, *, rebuild: bool, by: Operator) -> UUID | None:
        """Carry a plan out; return None, or the id of the replay that does it once `Replays.work` has worked on it.

        Raises RebuildRequired for a plan that changes past scores without `rebuild`, Conflict beside another replay.
        """
        if plan.is_empty:
            return None
        replayed = self._plans.boards_to_replay(plan)
        if replayed and not rebuild:
            boards = ", ".join(replayed)
            message = f'This changes past scores on {boards}: it needs "rebuild": true, which replays the ledger.'
            raise RebuildRequired(message, details={"boards": replayed})
        if replayed:
            return self._plans.begin_replay(plan, by=by)
        self._plans.apply(plan, by=by)
        return None

    def _plan(self, kind: str, slug: str, boards: Mapping[str, Fields], types: Mapping[str, Fields]) -> Plan:
        try:
            return self._plans.plan(boards, types)
        except InvalidRequest as refusal:
            details = refusal.details if isinstance(refusal.details, list) else []
            prefix = f"{kind}.{slug}."
            raise InvalidRequest(
                details=[{**item, "field": item["field"].removeprefix(prefix)} for item in details]
            ) from None


def _feeds(catalog: Catalog, slug: str, added: Sequence[str], removed: Sequence[str]) -> dict[str, Fields]:
    """Return the boards of the action types that begin or cease to feed a board. Raises NotFound."""
    for name in (*added, *removed):
        if name not in catalog.types:
            raise _no_type(name)
    feeds: dict[str, Fields] = {}
    for name in added:
        fed = catalog.types[name].boards
        feeds[name] = {"boards": fed if slug in fed else [*fed, slug]}
    for name in removed:
        feeds[name] = {"boards": [board for board in catalog.types[name].boards if board != slug]}
    return feeds


def _no_type(slug: str) -> NotFound:
    name = f"'{slug[:64]}'" if slug.isprintable() else "of this name"
    return NotFound(f"There is no action type {name} that can be started.")
