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
        """Return the plan of a new board that these action types feed. Raises InvalidRequest."""
        catalog = self._plans.catalog()
        if slug in catalog.boards:
            raise InvalidRequest.field("slug", f"is taken: the board '{slug}' exists")
        if not types:
            raise InvalidRequest.field("action_types", "must be given: at least one action type feeds a board")
        feeds = _feeds(catalog, slug, {"action_types": types})
        return self._plan("boards", slug, {slug: values}, feeds)

    def plan_board_change(self, slug: str, values: Fields, added: Sequence[str], removed: Sequence[str]) -> Plan:
        """Return the plan that changes a board, and the action types that feed it. Raises InvalidRequest, NotFound."""
        self._plans.find(slug)
        feeds = _feeds(self._plans.catalog(), slug, {"add_types": added, "remove_types": removed})
        return self._plan("boards", slug, {slug: values}, feeds)

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
            raise NotFound(f"There is no action type {_quoted(slug)} that can be started.")
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


def _feeds(catalog: Catalog, slug: str, types_by_field: Mapping[str, Sequence[str]]) -> dict[str, Fields]:
    """Return the boards of the action types that begin to feed a board, or cease to (`remove_types`).

    Raises InvalidRequest with the fields that name unknown types.
    """
    unknown = [
        {"field": field, "message": f"has {_quoted(name)}, which is no action type that can be started"}
        for field, names in types_by_field.items()
        for name in names
        if name not in catalog.types
    ]
    if unknown:
        raise InvalidRequest(details=unknown)
    feeds: dict[str, Fields] = {}
    for field, names in types_by_field.items():
        for name in names:
            fed = catalog.types[name].boards
            if field == "remove_types":
                feeds[name] = {"boards": [board for board in fed if board != slug]}
            else:
                feeds[name] = {"boards": fed if slug in fed else [*fed, slug]}
    return feeds


def _quoted(slug: str) -> str:
    return f"'{slug[:64]}'" if slug.isprintable() else "a name"
