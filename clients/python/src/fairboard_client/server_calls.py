"""The calls of a game's own server, which has an API key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from fairboard_client import batches
from fairboard_client.calls import Clock, ReadCalls
from fairboard_client.errors import FairboardError
from fairboard_client.retries import Retries
from fairboard_client.steps import Steps, send
from fairboard_client.types import BatchRow, Completed, GamePlayer, Score, TokenPair
from fairboard_client.wire import Answer, Draft, draft, given, player_path


class ServerCalls(ReadCalls):
    """The calls with an API key."""

    def __init__(self, key: str, retries: Retries, clock: Clock) -> None:
        super().__init__(retries, clock)
        self._key = key

    def _attempt(self, call: Draft) -> Steps[Answer]:
        return send(call, self._key)

    def put_player(
        self, external_id: str, *, username: str | None = None, attributes: Mapping[str, str | None] | None = None
    ) -> Steps[GamePlayer]:
        """Create or change the player with this id of the game's own, and return the player.

        A new player needs a `username`. Attributes that are left out stay; `None` removes one.
        """
        fields = {"external_id": external_id, "username": username, "attributes": attributes}
        answer = yield from self._repeated(draft("POST", "/players", given(fields)), is_repeatable=True)
        return cast(GamePlayer, answer.data)

    def player_tokens(self, player: str) -> Steps[TokenPair]:
        """Return a token pair of the player, to hand to the game's client; `player` is `ext:…` or an id."""
        path = f"/players/{player_path(player)}/tokens"
        answer = yield from self._repeated(draft("POST", path), is_repeatable=True)
        return cast(TokenPair, answer.data)

    def submit_score(
        self,
        player: str,
        action_type: str,
        result: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Steps[Completed]:
        """Submit a score, once however often it has to be sent, and return the change. Raises `FairboardError`.

        `key` is the Idempotency-Key, such as the id of the match: the same call with it counts once for ever. By
        default it is a new one, which an error has as `idempotency_key`.
        """
        fields = {"player": player, "action_type": action_type, "result": result, "metadata": metadata}
        call = draft("POST", "/scores", given(fields), key=batches.new_key() if key is None else key)
        answer = yield from self._repeated(call)
        return cast(Completed, answer.data)

    def submit_batch(self, scores: Iterable[Score]) -> Steps[list[BatchRow]]:
        """Submit any number of scores, up to 1,000 in a call, and return their answers in order.

        A part without an answer is sent again with the same keys, so nothing counts twice. Rows of a part that stays
        unanswered have an `error`, and the `key` to send them with later. Raises `FairboardError` if the server
        refuses the first part as a whole: then nothing has counted.
        """
        rows: list[BatchRow] = []
        for part in batches.parts(batches.keyed(score) for score in scores):
            try:
                call = draft("POST", "/scores/batch", {"scores": part})
                answer = yield from self._repeated(call, is_repeatable=True)
            except FairboardError as error:
                if not rows and 400 <= error.status < 500:
                    raise
                rows += batches.failed_rows(part, error)
            else:
                rows += answer.data
        return rows
