"""Scores that a game's server submits: one, or a batch in a few transactions, each counted once under its key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa
import structlog

from app.domain.action_token import Promise
from app.domain.boards import MAX_SCORE, ActionType, Season
from app.domain.player_names import PlayerName
from app.domain.redemption import Completed, StandingChange
from app.domain.submissions import Score, Submission
from app.errors import AccountSuspended, BoardClosed, IdempotencyKeyReused, InvalidRequest, NotFound, Refusal
from app.services.boards.season_plans import SeasonPlans
from app.services.play.entries import entered_result, entry_promise
from app.services.play.ranks import Ranks
from app.stores.accounts.players import NamedPlayer, PlayerStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.entered_events import EnteredEvent, NotOneSum, enter_events
from app.stores.play.key_answers import Claim, KeyAnswerStore, StoredAnswer, StoredScore
from app.stores.play.ledger import NoOpenBoard, Redeemed, ScoreAtLimit
from app.stores.postgres.engine import Database
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.redemptions")

Answer: TypeAlias = Completed | Refusal

_CHUNK = 250  # scores of one transaction: it holds the standings of their players for some hundredths of a second
_RANKS_TRIES, _RANKS_PAUSE = 20, 0.05


@dataclass(frozen=True, slots=True)
class _Entry:
    """A submission, and the event to write, or why there is none."""

    submission: Submission
    event: EnteredEvent | None
    refusal: Refusal | None

    @property
    def key(self) -> str:
        return self.submission.key

    def refused(self, refusal: Refusal) -> _Entry:
        return _Entry(self.submission, None, refusal)

    def claim(self) -> Claim:
        action_id = self.event.promise.action_id if self.event else None
        return Claim(self.key, self.submission.fingerprint, action_id, self.refusal)


@dataclass(frozen=True, slots=True)
class _FedType:
    """An action type with the open seasons that it feeds."""

    action_type: ActionType
    seasons: Sequence[Season]


class KeyScores:
    """Enters results for a game's server. Anti-cheat doesn't judge them; each event records the API key."""

    def __init__(
        self,
        database: Database,
        catalog: CatalogStore,
        players: PlayerStore,
        answers: KeyAnswerStore,
        ranks: Ranks,
        season_plans: SeasonPlans,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._catalog, self._players = database, catalog, players
        self._answers, self._ranks, self._season_plans, self._clock = answers, ranks, season_plans, clock

    def submit(self, api_key_id: UUID, submissions: Sequence[Submission], *, request_id: str) -> list[Answer]:
        """Return the answer to each score in order: the first answer to its key, whenever that was given.

        Raises one of UNAVAILABLE: then the same call tells later which of the scores have counted.
        """
        firsts = {submission.key: submission for submission in reversed(submissions)}
        entries = list(self._prepare(list(reversed(firsts.values()))))
        answers: dict[str, StoredAnswer] = {}
        new_keys: set[str] = set()
        for start in range(0, len(entries), _CHUNK):
            new_answers = self._enter(api_key_id, entries[start : start + _CHUNK], request_id)
            new_keys |= new_answers.keys()
            answers |= new_answers
        answers |= self._first_answers(api_key_id, [key for key in firsts if key not in answers])
        return [
            _answer(submission, answers[submission.key], is_first=submission is firsts[submission.key], new=new_keys)
            for submission in submissions
        ]

    def _prepare(self, submissions: Sequence[Submission]) -> Iterator[_Entry]:
        """Yield each submission with the event that it makes, as far as that can be told before its transaction."""
        scores = [submission.score for submission in submissions if isinstance(submission.score, Score)]
        players = self._players.named({score.player for score in scores})
        types = {slug: self._fed_type(slug) for slug in {score.action_type for score in scores}}
        for submission in submissions:
            if not isinstance(submission.score, Score):
                yield _Entry(submission, None, submission.score)
                continue
            try:
                yield _Entry(submission, self._event(submission.score, players, types), None)
            except Refusal as refusal:
                yield _Entry(submission, None, refusal)

    def _fed_type(self, slug: str) -> _FedType | None:
        action_type = self._catalog.action_type(slug) if slug.isprintable() else None
        if action_type is None:
            return None
        return _FedType(action_type, self._season_plans.open_seasons(partial(self._catalog.fed_seasons, action_type)))

    def _event(
        self, score: Score, players: Mapping[PlayerName, NamedPlayer], types: Mapping[str, _FedType | None]
    ) -> EnteredEvent:
        fed_type, player = types[score.action_type], players.get(score.player)
        if fed_type is None:
            raise InvalidRequest.field("action_type", "is no action type that can be played")
        if player is None:
            raise NotFound("There is no such player.")
        if not player.is_active:
            raise AccountSuspended()
        result = entered_result(score.result, fed_type.action_type)
        if not fed_type.seasons:
            raise BoardClosed()
        promise = entry_promise(player.id, fed_type.action_type, fed_type.seasons[0], self._clock())
        is_sum = [season.scoring for season in fed_type.seasons] == ["sum"] and not fed_type.action_type.more_boards
        return EnteredEvent(promise, result, score.metadata, is_sum)

    def _enter(self, api_key_id: UUID, entries: Sequence[_Entry], request_id: str) -> dict[str, StoredAnswer]:
        """Commit these, all in one transaction, or one by one if one of them can't be; return the new answers."""
        try:
            return self._commit_and_rank(api_key_id, entries, request_id)
        except (NoOpenBoard, ScoreAtLimit, NotOneSum):
            if len(entries) > 1:
                answers = [self._enter(api_key_id, [entry], request_id) for entry in entries]
                return {key: answer for part in answers for key, answer in part.items()}
        (entry,) = entries
        try:
            return self._season_plans.retry_with_seasons(
                partial(self._commit_and_rank, api_key_id, [entry], request_id)
            )
        except ScoreAtLimit:
            message = f"would take the score past {MAX_SCORE}, the highest there is"
            refused = entry.refused(InvalidRequest.field("result", message))
        except NoOpenBoard:
            refused = entry.refused(BoardClosed())
        return self._commit_and_rank(api_key_id, [refused], request_id)

    def _commit_and_rank(self, api_key_id: UUID, entries: Sequence[_Entry], request_id: str) -> dict[str, StoredAnswer]:
        outcomes = self._db.run(partial(self._commit, api_key_id, entries, request_id))
        scored = [
            (entry, entry.event.promise, outcome)
            for entry in entries
            if isinstance(outcome := outcomes.get(entry.key), Redeemed) and entry.event is not None
        ]
        changes = self._rank([(promise, redeemed) for _, promise, redeemed in scored])
        ranked = {entry.key: (promise, ranks) for (entry, promise, _), ranks in zip(scored, changes, strict=True)}
        if ranked:
            self._store_ranks(api_key_id, {key: ranks for key, (_, ranks) in ranked.items()})
        answers = {}
        for entry in entries:
            outcome = outcomes.get(entry.key)
            if isinstance(outcome, Refusal):
                answers[entry.key] = StoredAnswer(entry.submission.fingerprint, outcome)
            elif outcome is not None and entry.event is not None:
                promise, ranks = ranked[entry.key]
                score = StoredScore(
                    promise.action_id, promise.player_id, entry.event.result, promise.result_kind, ranks
                )
                answers[entry.key] = StoredAnswer(entry.submission.fingerprint, score)
        return answers

    def _commit(
        self, api_key_id: UUID, entries: Sequence[_Entry], request_id: str, connection: sa.Connection
    ) -> dict[str, Redeemed | Refusal]:
        """Claim the keys, write the events of those that are new, and return their outcomes."""
        new_keys = self._answers.claim(connection, api_key_id, [entry.claim() for entry in entries])
        new_entries = [entry for entry in entries if entry.key in new_keys]
        outcomes: dict[str, Redeemed | Refusal] = {
            entry.key: entry.refusal for entry in new_entries if entry.refusal is not None
        }
        # By player, so that two batches lock standings in one order; a player's own scores stay in theirs.
        events = [(entry.key, entry.event) for entry in new_entries if entry.event is not None]
        events.sort(key=lambda pair: pair[1].promise.player_id)
        redeemed = enter_events(connection, [event for _, event in events], api_key_id, request_id)
        for (key, _), change in zip(events, redeemed, strict=True):
            outcomes[key] = change or AccountSuspended()
        if suspended := [key for (key, _), change in zip(events, redeemed, strict=True) if change is None]:
            self._answers.refuse(connection, api_key_id, suspended, AccountSuspended())
        return outcomes

    def _rank(self, scored: Sequence[tuple[Promise, Redeemed]]) -> list[Sequence[StandingChange]]:
        """Return the changes with ranks, for all in one round trip to Redis. Only a refresh shows held points there."""
        public = [(promise.player_id, redeemed.changes) for promise, redeemed in scored if not redeemed.is_held]
        ranked = iter(self._ranks.record_all(public))
        changes: list[Sequence[StandingChange]] = []
        for promise, redeemed in scored:
            if redeemed.is_held:
                self._ranks.wake_relay([change.season for change in redeemed.changes])
                changes.append(self._ranks.count(promise.player_id, redeemed.changes))
            else:
                changes.append(next(ranked))
        return changes

    def _store_ranks(self, api_key_id: UUID, changes: Mapping[str, Sequence[StandingChange]]) -> None:
        ranks = {key: [change.ranks for change in of_key if change.ranks] for key, of_key in changes.items()}
        try:
            self._answers.store_ranks(api_key_id, ranks)
        except AFTER_COMMIT as error:
            log.warning("ranks_not_kept", error=reason_of(error), keys=len(ranks))

    def _first_answers(self, api_key_id: UUID, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        """Return earlier answers. Another call may just be about to store its ranks; one that died never will."""
        answers = self._answers.answers(api_key_id, keys) if keys else {}
        for _ in range(_RANKS_TRIES):
            unranked = [key for key, answer in answers.items() if _lacks_ranks(answer)]
            if not unranked:
                return answers
            time.sleep(_RANKS_PAUSE)
            answers |= self._answers.answers(api_key_id, unranked)
        for key, answer in answers.items():
            if _lacks_ranks(answer) and isinstance(answer.outcome, StoredScore):
                changes = self._ranks.count(answer.outcome.player_id, answer.outcome.changes)
                self._store_ranks(api_key_id, {key: changes})
                answers[key] = replace(answer, outcome=replace(answer.outcome, changes=changes))
        return answers


def _lacks_ranks(answer: StoredAnswer) -> bool:
    return isinstance(answer.outcome, StoredScore) and any(change.ranks is None for change in answer.outcome.changes)


def _answer(submission: Submission, stored: StoredAnswer, *, is_first: bool, new: set[str]) -> Answer:
    """Return the stored answer to a submission, as a replay unless this submission was the first with its key."""
    if stored.fingerprint != submission.fingerprint:
        return IdempotencyKeyReused("This key was used for another score: a retry must have the same fields.")
    is_replay = not is_first or submission.key not in new
    outcome = stored.outcome
    if isinstance(outcome, Refusal):
        refusal = type(outcome)(outcome.message, details=outcome.details)
        refusal.replayed = is_replay
        return refusal
    points = outcome.result if outcome.result_kind == "fixed" else None
    return Completed(outcome.action_id, points, outcome.result, outcome.changes, replayed=is_replay)
