"""Lines of files: their values, and what is wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.domain.transfer_lines import BadLine, PlayerRef, balance_id, event_line, import_id, player_line, standing_line

ID = UUID("3f0e4b6a-93a1-4a4b-9f57-5a1c2d3e4f50")
EVENT = {"action_id": "m-1", "external_id": "u", "action_type": "tap", "created_at": "2026-01-01"}
MOST = 2**53 - 1
BAD_PLAYER = ["external_id", "username", "created_at"]


def test_a_player_has_attributes_from_columns_or_from_an_object() -> None:
    by_column = player_line({"external_id": "u", "username": "Ada", "attribute:country": "JP", "attribute:team": ""})
    by_object = player_line({"external_id": "u", "username": "Ada", "attributes": {"country": "JP", "team": None}})
    assert (by_column.external_id, by_column.username, by_column.attributes) == ("u", "Ada", {"country": "JP"})
    assert by_object.attributes == {"country": "JP", "team": None}, "null removes one; an empty cell leaves it"


@pytest.mark.parametrize("score", [7, -7, 0, "7", "-7", "007", MOST, str(-MOST)])
def test_a_score_is_a_whole_number(score: object) -> None:
    assert standing_line({"username": "Ada", "score": score}).score == int(str(score))


@pytest.mark.parametrize("score", ["5.0", 5.0, True, "NaN", float("inf"), "1e3", " 5", "٥", MOST + 1, f"-{MOST + 1}"])
def test_another_score_is_refused(score: object) -> None:
    with pytest.raises(BadLine, match=r"^score must be a whole number"):
        standing_line({"username": "Ada", "score": score})


def test_a_line_names_its_player_in_one_of_three_ways() -> None:
    assert standing_line({"user_id": str(ID), "username": "Ada", "score": 1}).player == PlayerRef(None, ID, "Ada")
    assert standing_line({"external_id": "42", "score": 1}).player == PlayerRef("42")
    assert [PlayerRef("x", ID, "Ada").field, PlayerRef(None, ID, "Ada").field] == ["external_id", "user_id"]


def test_an_event_has_a_time_and_an_id_of_any_form() -> None:
    event = event_line({**EVENT, "result": "3", "metadata": '{"map": "moon"}'})
    assert event.created_at == event.issued_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.metadata == '{"map":"moon"}'
    assert event_line({**EVENT, "result": 3}).action_id == event.action_id, "the same id is the same action"
    assert event_line({**EVENT, "result": 3, "action_id": "m-2"}).action_id != event.action_id
    assert event_line({**EVENT, "result": 3, "action_id": str(ID)}).action_id == ID


@pytest.mark.parametrize(
    ("parse", "line", "fields"),
    [
        (player_line, {"username": "Ada"}, ["external_id"]),
        (player_line, {"external_id": "u\n", "username": "A", "created_at": "now"}, BAD_PLAYER),
        (player_line, {"external_id": "u", "attribute:1st": "x"}, ["attribute:1st"]),
        (player_line, {"external_id": "u", "attributes": {"country": 7}}, ["attribute:country"]),
        (player_line, {"external_id": "u", "attributes": "JP"}, ["attributes"]),
        (player_line, {"external_id": "u", "status": "suspended"}, ["status"]),
        (player_line, {"user_id": "42"}, ["user_id"]),
        (player_line, {"external_id": 5, "username": 7}, ["external_id", "username"]),
        (standing_line, {"external_id": 5, "score": 1}, ["external_id"]),
        (event_line, {**EVENT, "action_id": 5, "external_id": 5, "result": 1}, ["external_id", "action_id"]),
        (standing_line, {"score": ""}, ["external_id", "score"]),
        (standing_line, {"username": "Ada", "score": 1, "achieved_at": "2026-02-31"}, ["achieved_at"]),
        (standing_line, {"username": "Ada", "score": 1, "metadata": "[1]"}, ["metadata"]),
        (standing_line, {"username": "Ada", "score": 1, "metadata": {"x": "y" * 1024}}, ["metadata"]),
        (event_line, {**EVENT, "result": 1, "issued_at": "2026-01-02"}, ["issued_at"]),
        (event_line, {"external_id": "u"}, ["action_id", "action_type", "result", "created_at"]),
    ],
)
def test_a_bad_line_names_every_field(parse: object, line: dict[str, object], fields: list[str]) -> None:
    with pytest.raises(BadLine) as error:
        parse(line)  # type: ignore[operator]
    assert [problem.field for problem in error.value.problems] == fields


def test_a_balance_has_one_id_for_each_import_board_and_player() -> None:
    assert import_id("old") == import_id("old") != import_id("older")
    ids = {balance_id(import_id(name), board, ID) for name in ("old", "older") for board in ("main", "weekly")}
    assert len(ids) == 4
