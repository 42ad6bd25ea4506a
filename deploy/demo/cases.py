"""Flags, which no client can see: the open cases, read as `flask anticheat cases` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from app.containers.container import Container
from app.settings import Settings
from app.stores.postgres.engine import UNAVAILABLE
from deploy.demo.tally import Event

_MOST = 100


class Cases:
    """What is new on the cases of players opened since this was made."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._container = Container(Settings.from_env(env))
        self._seen: dict[UUID, int] = {}
        for case in self._container.cases.page(limit=_MOST)[0]:
            self._seen[case["case_id"]] = case["signals"]

    def news(self, kinds: Mapping[str, str]) -> Iterator[Event]:
        """One event for each suspicious redemption of a player in `kinds` (name -> kind): `flagged` where it scored
        and made or joined a case, else `noted`."""
        try:
            for case in self._container.cases.page(limit=_MOST)[0]:
                if case["username"] in kinds and case["signals"] > self._seen.get(case["case_id"], 0):
                    yield from self._new(case["case_id"], kinds)
        except UNAVAILABLE:
            return

    def close(self) -> None:
        self._container.close()

    def _new(self, case_id: UUID, kinds: Mapping[str, str]) -> Iterator[Event]:
        case = self._container.cases.one(case_id)
        if case is None:
            return
        signals = case["signals"]
        new, self._seen[case_id] = signals[self._seen.get(case_id, 0) :], len(signals)
        for _, of_one in groupby(new, lambda signal: signal["action_id"]):
            redemption = list(of_one)
            word = "flagged" if redemption[0]["outcome"] == "flag" else "noted"
            yield Event(case["username"], kinds[case["username"]], word, _seen(redemption))


def _seen(signals: Sequence[Mapping[str, Any]]) -> str:
    """What the rules saw in one redemption."""
    rules = ", ".join(f"{signal['rule']} +{signal['added']:.0f} ({signal['seen']})" for signal in signals)
    return f"suspicion {signals[-1]['suspicion']:.0f}: {rules}"
