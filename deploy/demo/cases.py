"""Flags, which no client can see: the open cases, read as `flask anticheat cases` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from uuid import UUID

from app.containers.container import Container
from app.domain.cases import CaseSignal
from app.settings import Settings
from app.stores.postgres.engine import UNAVAILABLE
from deploy.demo.tally import Event

_MAX_CASES = 100


class NewSignals:
    """The new signals on the open cases of players since this was made."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._container = Container(Settings.from_env(env))
        self._signal_counts: dict[UUID, int] = {}
        for case in self._container.cases.page(limit=_MAX_CASES)[0]:
            self._signal_counts[case.case_id] = case.signals

    def news(self, kinds: Mapping[str, str]) -> Iterator[Event]:
        """Yield an event for each suspicious redemption of a player in `kinds` (name -> kind).

        The event is `flagged` where the redemption scored and made or joined a case, else `noted`.
        """
        try:
            for case in self._container.cases.page(limit=_MAX_CASES)[0]:
                if case.username in kinds and case.signals > self._signal_counts.get(case.case_id, 0):
                    yield from self._new_events(case.case_id, kinds)
        except UNAVAILABLE:
            return

    def close(self) -> None:
        self._container.close()

    def _new_events(self, case_id: UUID, kinds: Mapping[str, str]) -> Iterator[Event]:
        case_file = self._container.cases.case_file(case_id)
        if case_file is None:
            return
        signals, username = case_file.signals, case_file.case.username
        new_signals, self._signal_counts[case_id] = signals[self._signal_counts.get(case_id, 0) :], len(signals)
        for _, group in groupby(new_signals, lambda signal: signal.action_id):
            redemption = list(group)
            word = "flagged" if redemption[0].outcome in ("flag", "hold") else "noted"
            yield Event(username, kinds[username], word, _describe(redemption))


def _describe(signals: Sequence[CaseSignal]) -> str:
    """Return the findings of the rules in one redemption."""
    rules = ", ".join(f"{signal.rule} +{signal.added:.0f} ({signal.seen})" for signal in signals)
    return f"suspicion {signals[-1].suspicion:.0f}: {rules}"
