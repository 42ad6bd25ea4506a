"""The lines of files with players, standings and events, that are moved from one leaderboard to another.

A line is a mapping of columns to values: texts from CSV, where an empty cell is a missing value, or JSON values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar
from uuid import UUID, uuid5

from app.domain.accounts import username_of
from app.domain.attributes import check_name, check_value
from app.domain.boards import MAX_SCORE
from app.domain.json_text import metadata_text, parse
from app.domain.player_names import check_external_id
from app.domain.times import moment
from app.errors import InvalidRequest, MalformedJson

Value = TypeVar("Value")
Line: TypeAlias = Mapping[str, object]

ATTRIBUTE = "attribute:"
"""What the name of a CSV column with an attribute begins with; JSON lines have an object `attributes`."""

PLAYER_COLUMNS = ("user_id", "external_id", "username", "status", "created_at")
STANDING_COLUMNS = ("rank", "user_id", "external_id", "username", "score", "achieved_at", "metadata")
EVENT_COLUMNS = ("action_id", "user_id", "external_id", "action_type", "result", "created_at", "issued_at", "metadata")

_IMPORTS = UUID("6b1f0b52-6f0e-4c38-9a34-55f2b6e6a1d7")
_WHOLE = re.compile(r"-?\d{1,16}", re.ASCII)
_MOST_ID_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line is refused: the column, and the rule that its value breaks."""

    field: str
    message: str


class BadLine(Exception):
    """The line breaks rules, whatever the database has."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field} {problem.message}" for problem in problems))
        self.problems = problems


Change = Literal["added", "changed", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import made of a line; `problems` are those of a refused one."""

    change: Change
    problems: Sequence[Problem] = ()


def refused(name: str, message: str) -> Outcome:
    """Return the outcome of a line with one problem."""
    return Outcome("refused", [Problem(name, message)])


ADDED, CHANGED, UNCHANGED = Outcome("added"), Outcome("changed"), Outcome("unchanged")


@dataclass(frozen=True, slots=True)
class PlayerRef:
    """The player of a line: by the first of these that is given."""

    external_id: str | None = None
    user_id: UUID | None = None
    username: str | None = None

    def __bool__(self) -> bool:
        return bool(self.external_id or self.user_id or self.username)

    @property
    def field(self) -> str:
        return "external_id" if self.external_id else "user_id" if self.user_id else "username"


@dataclass(frozen=True, slots=True)
class PlayerLine:
    """A player to create or change. In `attributes` None removes one; `username` None leaves the name as it is."""

    external_id: str | None
    user_id: UUID | None
    username: str | None
    attributes: Mapping[str, str | None]
    created_at: datetime | None

    @property
    def key(self) -> bytes:
        """Return what no two lines of a file may share."""
        return self.external_id.encode() if self.external_id else self.user_id.bytes if self.user_id else b""


@dataclass(frozen=True, slots=True)
class StandingLine:
    """A score of another system; `achieved_at` None is the time of the import. `metadata` is a JSON text."""

    player: PlayerRef
    score: int
    achieved_at: datetime | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class EventLine:
    """A result of the past, at `created_at`. `action_id` makes it count once, however often it is imported."""

    action_id: UUID
    player: PlayerRef
    action_type: str
    result: int
    created_at: datetime
    issued_at: datetime
    metadata: str | None


def check_import_name(name: str) -> str:
    """Return the name of an import, which is easy to give again. Raises ValueError with the rule."""
    if not name or not name.isprintable() or name != name.strip():
        raise ValueError("must have printable characters, with no space at its ends")
    return name


def import_id(name: str) -> UUID:
    """Return the id of an import, which its events carry: the same for the same name."""
    return uuid5(_IMPORTS, f"import {name}")


def balance_id(import_id: UUID, board: str, player_id: UUID) -> UUID:
    """Return the action id of a player's opening balance on a board: one for each import."""
    return uuid5(import_id, f"{board} {player_id}")


@dataclass(slots=True)
class _Reader:
    """Reads the values of a line, and collects what is wrong with it."""

    line: Line
    problems: list[Problem] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return self.line.get(name) not in (None, "")

    def get(self, name: str, read: Callable[[object], Value], *, required: bool = False) -> Value | None:
        """Return the value of a column as `read` reads it; None where it is missing or bad."""
        if not self.has(name):
            if required:
                self.problems.append(Problem(name, "is required"))
            return None
        try:
            return read(self.line[name])
        except ValueError as error:
            self.problems.append(Problem(name, str(error)))
            return None

    def player(self) -> PlayerRef:
        player = PlayerRef(
            self.get("external_id", external_id_of), self.get("user_id", _uuid), self.get("username", _name)
        )
        if not player and not self.problems:
            self.problems.append(Problem("external_id", "is required, or user_id, or username"))
        return player

    def check(self) -> None:
        if self.problems:
            raise BadLine(self.problems)


def player_line(line: Line) -> PlayerLine:
    """Return the player of a line. Raises BadLine."""
    reader = _Reader(line)
    result = PlayerLine(
        reader.get("external_id", external_id_of),
        reader.get("user_id", _uuid),
        reader.get("username", lambda value: username_of(_text(value))),
        _attributes(reader),
        reader.get("created_at", _time),
    )
    if reader.has("status") and line["status"] != "active":
        reader.problems.append(Problem("status", "is not active: only active players are imported"))
    if not result.key and not reader.problems:
        reader.problems.append(Problem("external_id", "is required, or user_id"))
    reader.check()
    return result


def standing_line(line: Line) -> StandingLine:
    """Return the score of a line. Raises BadLine."""
    reader = _Reader(line)
    player, score = reader.player(), reader.get("score", whole_number, required=True)
    achieved_at, metadata = reader.get("achieved_at", _time), reader.get("metadata", _metadata)
    reader.check()
    assert score is not None
    return StandingLine(player, score, achieved_at, metadata)


def event_line(line: Line) -> EventLine:
    """Return the event of a line. Raises BadLine."""
    reader = _Reader(line)
    player = reader.player()
    action_id = reader.get("action_id", _action_id, required=True)
    action_type, result = (
        reader.get("action_type", _text, required=True),
        reader.get("result", whole_number, required=True),
    )
    created_at, issued_at = reader.get("created_at", _time, required=True), reader.get("issued_at", _time)
    metadata = reader.get("metadata", _metadata)
    if created_at and issued_at and issued_at > created_at:
        reader.problems.append(Problem("issued_at", "must not be after created_at"))
    reader.check()
    assert action_id is not None
    assert action_type is not None
    assert result is not None
    assert created_at is not None
    return EventLine(action_id, player, action_type, result, created_at, issued_at or created_at, metadata)


def whole_number(value: object) -> int:
    """Return the integer of a text or a JSON number. Raises ValueError; 5.0 is none, nor is one beyond 2^53-1."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_SCORE:
        raise ValueError(f"must be a whole number from -{MAX_SCORE} to {MAX_SCORE}")
    return value


def external_id_of(value: object) -> str:
    """Return an external id, which is a string in JSON too. Raises ValueError."""
    return check_external_id(_text(value))


def _attributes(reader: _Reader) -> dict[str, str | None]:
    """Return the changes of attributes: those of columns, or of a JSON object, where null removes one."""
    cells = {
        name: value for name, value in reader.line.items() if name.startswith(ATTRIBUTE) and value not in (None, "")
    }
    attributes = {name.removeprefix(ATTRIBUTE): value for name, value in cells.items()}
    if reader.has("attributes"):
        members = reader.line["attributes"]
        if not isinstance(members, dict):
            reader.problems.append(Problem("attributes", 'must be an object, such as {"country": "JP"}'))
            return {}
        attributes |= members
    result: dict[str, str | None] = {}
    for name, value in attributes.items():
        try:
            result[check_name(name)] = None if value is None else check_value(_text(value))
        except ValueError as error:
            reader.problems.append(Problem(f"{ATTRIBUTE}{name[:64]}", str(error)))
    return result


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _name(value: object) -> str:
    name = _text(value)
    if len(name) > _MOST_ID_CHARACTERS or not name.isprintable():
        raise ValueError("is no username")
    return name


def _uuid(value: object) -> UUID:
    try:
        return UUID(_text(value))
    except ValueError:
        raise ValueError("must be a UUID") from None


def _action_id(value: object) -> UUID:
    """Return a UUID as it is, and one made of any other id."""
    text = external_id_of(value)
    try:
        return UUID(text)
    except ValueError:
        return uuid5(_IMPORTS, f"action {text}")


def _time(value: object) -> datetime:
    return moment(_text(value))


def _metadata(value: object) -> str:
    """Return the JSON text of an object, or of the text of one in a CSV cell."""
    if isinstance(value, str):
        try:
            value = parse(value.encode())
        except (MalformedJson, InvalidRequest, UnicodeEncodeError):
            raise ValueError("must be a JSON object") from None
    return metadata_text(value)
