"""Plans: which boards and action types to add or change, to get from the catalog to the one that is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from app.domain import action_types, board_config
from app.domain.board_config import SCORE_FIELDS, WINDOW_FIELDS, BoardConfig
from app.domain.boards import MAIN, MOST_BOARDS, ActionType

Problems = list[dict[str, str]]
Fields = Mapping[str, object]

TYPE_FIELDS = tuple(name for name in ActionType.__dataclass_fields__ if name not in ("id", "board", "more_boards"))
"""The fields of an action type that an operator decides, beside its boards."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The boards that are not archived, and the action types, by slug; past events of `retired` ones still count."""

    boards: Mapping[str, BoardConfig]
    types: Mapping[str, ActionType]
    retired: Mapping[str, ActionType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A board or an action type to add, or to change: `before` and `after` have the values that differ.

    Those of an addition have all values in `after`, and none in `before`. The boards of an action type are its
    `boards`, the first one first.
    """

    slug: str
    is_new: bool
    before: Fields
    after: Fields


@dataclass(frozen=True, slots=True)
class Feed:
    """A board whose scores may change: by events of the types `changed`; `after` are all that feed it afterwards."""

    changed: Sequence[str]
    after: Sequence[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, boards first, and the boards whose scores may change. Nothing is ever removed by a plan."""

    boards: Sequence[Step] = ()
    types: Sequence[Step] = ()
    feeds: Mapping[str, Feed] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.boards or self.types)


def plan(catalog: Catalog, boards: Mapping[str, Fields], types: Mapping[str, Fields]) -> tuple[Plan, Problems]:
    """Return the plan that gives these boards and action types the values given, and the errors of the values.

    The field of an error is called `boards.<slug>.<field>` or `action_types.<slug>.<field>`. Values that aren't given
    stay, or have their defaults.
    """
    problems: Problems = []
    board_steps = [_board_step(catalog, slug, values, problems) for slug, values in boards.items()]
    type_steps = [_type_step(catalog, slug, values, problems) for slug, values in types.items()]
    names = {*catalog.boards, *boards}
    for step in type_steps:
        problems += _board_problems(step, names)
    if problems:
        return Plan(), problems
    types_after = _types_after(catalog.types, type_steps)
    changed = [step for step in board_steps if step.after]
    problems += _fed_problems(changed, _feeds(catalog.types), _feeds(types_after))
    feeds_before = _feeds({**catalog.retired, **catalog.types})
    feeds_after = _feeds({**catalog.retired, **types_after})
    rescored = {step.slug for step in changed if step.is_new or step.after.keys() & set(SCORE_FIELDS)}
    fed_anew = {slug for slug in names if feeds_before.get(slug, set()) != feeds_after.get(slug, set())}
    feeds = {}
    for slug in sorted(rescored | fed_anew):
        before, after = feeds_before.get(slug, set()), feeds_after.get(slug, set())
        feeds[slug] = Feed(sorted(before | after if slug in rescored else before ^ after), sorted(after))
    return Plan(changed, [step for step in type_steps if step.after], feeds), problems


def config_after(catalog: Catalog, step: Step) -> BoardConfig:
    """Return a board's fields as they are after the step."""
    values: dict[str, Any] = dict(step.after)
    return BoardConfig(**values) if step.is_new else replace(catalog.boards[step.slug], **values)


def moves_seasons(step: Step) -> bool:
    """Return whether a step changes when the seasons of an existing board begin and end."""
    return not step.is_new and bool(step.after.keys() & set(WINDOW_FIELDS))


def _board_step(catalog: Catalog, slug: str, values: Fields, problems: Problems) -> Step:
    existing = catalog.boards.get(slug)
    defaults = _plain(asdict(existing or BoardConfig(slug, _named(slug))))
    wanted = {**defaults, **values, "slug": slug}
    errors = _renames(slug, values) or board_config.problems(wanted)
    problems += [{**error, "field": f"boards.{slug}.{error['field']}"} for error in errors]
    return _step(slug, None if existing is None else defaults, _plain(wanted))


def _renames(slug: str, values: Fields) -> Problems:
    if values.get("slug", slug) == slug:
        return []
    return [{"field": "slug", "message": "can't be given: the heading of the table has it, and it never changes"}]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with tuples for lists, so that equal ones are equal."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _type_step(catalog: Catalog, slug: str, values: Fields, problems: Problems) -> Step:
    existing = catalog.types.get(slug)
    before = None if existing is None else type_values(existing)
    if existing is None and values.get("result_kind", "fixed") == "fixed":
        values = {"points": None, **values}
    boards = values.get("boards", before["boards"] if before else [MAIN])
    wanted = {
        **(before or {"name": _named(slug)}),
        **{name: value for name, value in values.items() if name != "boards"},
        "slug": slug,
        "boards": list(boards) if isinstance(boards, list | tuple) else boards,
    }
    if existing and wanted.get("result_kind") != "fixed" and "points" not in values:
        wanted["points"] = None
    checked = {name: value for name, value in wanted.items() if name != "boards"}
    errors = [
        {"field": name, "message": "is not a field of an action type"} for name in checked if name not in TYPE_FIELDS
    ]
    errors = _renames(slug, values) or errors or action_types.problems(checked)
    problems += [{**error, "field": f"action_types.{slug}.{error['field']}"} for error in errors]
    return _step(slug, before, wanted)


def type_values(action_type: ActionType) -> dict[str, Any]:
    """Return the fields of an action type that an operator decides, with its `boards`."""
    return {**{name: getattr(action_type, name) for name in TYPE_FIELDS}, "boards": action_type.boards}


def _step(slug: str, before: Fields | None, wanted: Fields) -> Step:
    if before is None:
        return Step(slug, True, {}, wanted)
    names = [name for name, value in wanted.items() if name not in before or before[name] != value]
    return Step(slug, False, {name: before.get(name) for name in names}, {name: wanted[name] for name in names})


def _named(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def _board_problems(step: Step, names: set[str]) -> Iterator[dict[str, str]]:
    boards = step.after.get("boards")
    if boards is None:
        return
    path = f"action_types.{step.slug}.boards"
    if not isinstance(boards, list) or not all(isinstance(name, str) for name in boards):
        yield {"field": path, "message": "must be a list of boards"}
    elif not boards:
        yield {"field": path, "message": "must not be empty: an action type feeds at least one board"}
    elif len(boards) > MOST_BOARDS or len(set(boards)) < len(boards):
        yield {"field": path, "message": f"must be 1 to {MOST_BOARDS} different boards"}
    else:
        for name in boards:
            if name not in names:
                yield {"field": path, "message": f"is wrong: there is no board '{name[:40]}'"}


def _types_after(types: Mapping[str, ActionType], steps: Sequence[Step]) -> dict[str, ActionType]:
    after = dict(types)
    for step in steps:
        if isinstance(boards := step.after.get("boards"), list):
            before = after.get(step.slug) or ActionType(0, step.slug, "", None, 0, boards[0])
            after[step.slug] = replace(before, board=boards[0], more_boards=boards[1:])
    return after


def _feeds(types: Mapping[str, ActionType]) -> dict[str, set[str]]:
    """Return the action types that feed each board."""
    feeds: dict[str, set[str]] = {}
    for action_type in types.values():
        for board in action_type.boards:
            feeds.setdefault(board, set()).add(action_type.slug)
    return feeds


def _fed_problems(
    steps: Sequence[Step], before: Mapping[str, set[str]], after: Mapping[str, set[str]]
) -> Iterator[dict[str, str]]:
    for step in steps:
        if step.is_new and not after.get(step.slug):
            message = "has none: let an action type feed the board"
            yield {"field": f"boards.{step.slug}.action_types", "message": message}
    for slug in before.keys() - after.keys():
        message = f"would leave the board '{slug}' without an action type"
        yield {"field": f"action_types.{sorted(before[slug])[0]}.boards", "message": message}


def plan_to_json(plan: Plan) -> str:
    """Return the plan as JSON text."""
    return json.dumps(asdict(plan), sort_keys=True, default=lambda value: value.isoformat())


def plan_from_json(values: Mapping[str, Any]) -> Plan:
    """Return the plan of an object from `plan_to_json`."""
    steps = {
        name: [
            Step(step["slug"], step["is_new"], _with_times(step["before"]), _with_times(step["after"]))
            for step in values[name]
        ]
        for name in ("boards", "types")
    }
    return Plan(**steps, feeds={slug: Feed(**feed) for slug, feed in values["feeds"].items()})


def _with_times(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name in ("starts_at", "ends_at") and value else value
        for name, value in values.items()
    }
