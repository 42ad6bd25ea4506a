"""The parts of a batch of scores: how it is split, and the rows of a part that was not answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import uuid4

from fairboard_client.errors import FairboardError
from fairboard_client.types import BatchRow, ErrorBody, Score
from fairboard_client.wire import compact

_MOST_SCORES = 1000
_MOST_BYTES = 1_000_000  # the server takes 1 MiB, with the braces around


def new_key() -> str:
    """Return an Idempotency-Key that no other call has."""
    return uuid4().hex


def keyed(score: Score) -> Score:
    """Return the score with a key."""
    return score if "key" in score else {**score, "key": new_key()}


def parts(scores: Iterable[Score]) -> Iterator[list[Score]]:
    """Yield the scores in order, in parts that the server takes in one call."""
    part: list[Score] = []
    size = 0
    for score in scores:
        length = len(compact(score)) + 1
        if part and (len(part) == _MOST_SCORES or size + length > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(score)
        size += length
    if part:
        yield part


def failed_rows(part: Sequence[Score], error: FairboardError) -> list[BatchRow]:
    """Return a row for each score of a part that was refused as a whole or not answered."""
    body: ErrorBody = {"code": error.code, "message": error.message}
    if error.details is not None:
        body["details"] = error.details
    return [{"key": score["key"], "code": error.status, "error": body} for score in part]
