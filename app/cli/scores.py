"""`flask leaderboard score`: results that an operator enters."""

from __future__ import annotations

import click

from app.cli.commands import as_json, container, example
from app.cli.identity import operator, request_id
from app.cli.ids import find_player
from app.cli.leaderboard import leaderboard
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, table
from app.domain.boards import MAX_SCORE
from app.domain.json_text import JsonValue, parse
from app.errors import InvalidRequest, MalformedJson
from app.tables import safe

_COLUMNS = ("board", "season", "previous", "score", "rank", "counted")


class Metadata(click.ParamType[JsonValue]):
    """A JSON object."""

    name = "json"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> JsonValue:
        try:
            return parse(str(value).encode())
        except (MalformedJson, InvalidRequest):
            self.fail("is not JSON, such as '{\"level\": 3}'.", param, ctx)


@leaderboard.command(epilog=example("leaderboard score alice tournament 61250"))
@click.argument("user")
@click.argument("action_type")
@click.argument("result", type=WholeNumberRange(-MAX_SCORE, MAX_SCORE))
@click.option("--metadata", type=Metadata(), help="JSON object that is stored with the result, at most 1 KiB.")
@as_json
def score(user: str, action_type: str, result: int, metadata: JsonValue, as_json: bool) -> None:
    """Enter a RESULT of one USER, by username or id, for an ACTION_TYPE whose results are trusted.

    Anti-cheat doesn't judge it. The audit log names the operator; 'void' takes it back. Put -- before a RESULT
    below 0.
    """
    player = find_player(user)
    entered = container().operator_scores.enter(
        player.id, action_type, result, metadata, by=operator(), request_id=request_id()
    )
    rows = [
        {
            "board": change.season.board,
            "season": change.season.number,
            "previous": change.shown_previous,
            "score": change.score,
            "rank": change.rank,
            "counted": change.is_counted,
        }
        for change in entered.changes
    ]
    data = {"action_id": entered.action_id, "user_id": player.id, "result": entered.result, "standings": rows}
    heading = f"Entered {result:,} for {safe(player.username)}."
    emit(data, f"{table(rows, _COLUMNS)}\n{heading}", as_json=as_json)
