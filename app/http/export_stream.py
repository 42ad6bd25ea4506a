"""The answer to an export: as long as a player's ledger, so it is sent as it is read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping

from flask import Response

from app.http.envelope import answer_text, plain
from app.services.accounts.exports import Export

_DATA = "0"


def stream_export(export: Export) -> Response:
    """Return the export in the envelope; `score_events` come last, in chunks.

    The first chunk is read before the answer begins, so that a server that refuses is a 503.
    """
    events = itertools.chain([next(export.events, [])], export.events)
    response = answer_text(_DATA)
    head, tail = response.get_data(as_text=True).rsplit(f'"data":{_DATA}', 1)
    response.response = _parts(f'{head}"data":', export.facts, events, tail)
    del response.headers["Content-Length"]
    return response


def _parts(
    head: str, facts: Mapping[str, object], events: Iterable[list[dict[str, object]]], tail: str
) -> Iterator[bytes]:
    yield (head + _text(facts)[:-1] + ',"score_events":[').encode()
    yield from _rows(events)
    yield ("]}" + tail).encode()


def _rows(chunks: Iterable[list[dict[str, object]]]) -> Iterator[bytes]:
    separator = ""
    for rows in filter(None, chunks):
        yield (separator + ",".join(map(_text, rows))).encode()
        separator = ","


def _text(values: Mapping[str, object]) -> str:
    return json.dumps(plain(values), ensure_ascii=False, separators=(",", ":"))
