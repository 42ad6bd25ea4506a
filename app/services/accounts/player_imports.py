"""Players from a file: created and changed by the rules of `POST /players`, many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from app.domain.accounts import username_key
from app.domain.attributes import changed
from app.domain.look_alikes import skeletons
from app.domain.transfer_lines import ADDED, CHANGED, UNCHANGED, Outcome, PlayerLine, Problem, refused
from app.errors import Forbidden, InvalidRequest, Refusal, Unavailable, UsernameTaken
from app.services.accounts.game_players import GamePlayers
from app.services.accounts.name_rules import NameRules
from app.services.operations.import_runs import ImportRun
from app.stores.accounts.imported_players import ImportedPlayerStore, KnownPlayer, NewPlayer
from app.stores.postgres.engine import Database

_TRIES = 3  # a name may be taken between the look and the insert


@dataclass(frozen=True, slots=True)
class _Present:
    """The players of lines that exist, and the ids that can't be used again."""

    by_external_id: Mapping[str, KnownPlayer]
    by_id: Mapping[UUID, KnownPlayer]
    erased: set[UUID]


class PlayerImports:
    """A player is found by external id, or else by id. New ones keep the id of their line, so that others refer to it.

    A player without an external id gets no password either, as every imported player: a reset link sets one.
    """

    def __init__(
        self, database: Database, store: ImportedPlayerStore, game_players: GamePlayers, rules: NameRules
    ) -> None:
        self._db, self._store, self._game_players, self._rules = database, store, game_players, rules

    def take(self, lines: Sequence[PlayerLine], run: ImportRun) -> list[Outcome]:
        """Create or change the players of these lines. Raises Unavailable if names are taken again and again."""
        repeated = {place for place, line in enumerate(lines) if run.is_repeated(line.key)}
        for _ in range(_TRIES):
            try:
                return self._take(lines, run, repeated)
            except UsernameTaken:
                continue
        raise Unavailable("Other processes keep taking the names of this file. Run the import again.")

    def _take(self, lines: Sequence[PlayerLine], run: ImportRun, repeated: set[int]) -> list[Outcome]:
        present = self._present(lines)
        outcomes: dict[int, Outcome] = {}
        new: dict[int, NewPlayer] = {}
        for place, line in enumerate(lines):
            if place in repeated:
                result: Outcome | NewPlayer = refused(_id_field(line), "is in the file twice")
            else:
                result = self._look(line, present, run)
            if isinstance(result, Outcome):
                outcomes[place] = result
            else:
                new[place] = result
        outcomes |= self._add(new, run)
        return [outcomes[place] for place in range(len(lines))]

    def _present(self, lines: Sequence[PlayerLine]) -> _Present:
        ids = [line.user_id for line in lines if line.user_id]
        players = self._store.known([line.external_id for line in lines if line.external_id], ids)
        by_external_id = {player.external_id: player for player in players if player.external_id}
        return _Present(by_external_id, {player.id: player for player in players}, self._store.erased(ids))

    def _look(self, line: PlayerLine, present: _Present, run: ImportRun) -> Outcome | NewPlayer:
        """Change the player of the line, or return the one to create."""
        if line.external_id and (player := present.by_external_id.get(line.external_id)):
            return self._change(player, line, run)
        if line.user_id and (player := present.by_id.get(line.user_id)):
            if line.external_id:
                return refused("user_id", "is the id of a player with another external_id")
            return self._change(player, line, run)
        if line.user_id in present.erased:
            return refused("user_id", "was the id of a player who is erased")
        return self._new(line)

    def _new(self, line: PlayerLine) -> NewPlayer | Outcome:
        if line.username is None:
            return refused("username", "is required for a new player")
        try:
            self._rules.check_new(line.username)
            attributes = changed({}, line.attributes)
        except ValueError as error:
            return refused("attributes", str(error))
        except Refusal as refusal:
            return _outcome(refusal)
        player_id = line.user_id or uuid4()
        names = skeletons(line.username)
        return NewPlayer(player_id, line.external_id, line.username, names, attributes, line.created_at)

    def _add(self, new: Mapping[int, NewPlayer], run: ImportRun) -> dict[int, Outcome]:
        """Add the players whose names are free. Raises UsernameTaken if one is taken meanwhile."""
        if not new:
            return {}
        used = run.names | self._store.taken(
            [username_key(player.username) for player in new.values()],
            [text for player in new.values() for text in player.skeletons],
        )
        outcomes, free, ids = {}, [], set[UUID]()
        for place, player in new.items():
            texts = {username_key(player.username), *player.skeletons}
            if texts & used:
                outcomes[place] = refused("username", "is taken, or looks like the name of another player")
            elif player.id in ids:
                outcomes[place] = refused("user_id", "is in the file twice")
            else:
                used |= texts
                ids.add(player.id)
                free.append(player)
                outcomes[place] = ADDED
        if run.dry_run:
            run.names |= {text for player in free for text in (username_key(player.username), *player.skeletons)}
        elif free:
            with self._db.transaction() as connection:
                self._store.add(connection, free)
        return outcomes

    def _change(self, player: KnownPlayer, line: PlayerLine, run: ImportRun) -> Outcome:
        is_renamed = line.username is not None and line.username != player.username
        try:
            attributes = changed(player.attributes, line.attributes)
            if not is_renamed and attributes == player.attributes:
                return UNCHANGED
            if player.role == "admin":
                raise Forbidden("is an admin, whom no import changes")
            if run.dry_run:
                return self._check_name(player, line.username, run) if is_renamed else CHANGED
            self._game_players.change(player.id, line.username, line.attributes, request_id=run.request_id)
        except ValueError as error:
            return refused("attributes", str(error))
        except Refusal as refusal:
            return _outcome(refusal)
        return CHANGED

    def _check_name(self, player: KnownPlayer, username: str | None, run: ImportRun) -> Outcome:
        """Return whether a player could have this name, as far as a dry run can tell."""
        assert username is not None
        self._rules.check_new(username)
        own = {username_key(player.username), *skeletons(player.username)}
        texts = {username_key(username), *skeletons(username)}
        if (self._store.taken(sorted(texts), sorted(texts)) - own) | (texts & run.names):
            raise UsernameTaken()
        run.names |= texts
        return CHANGED


def _id_field(line: PlayerLine) -> str:
    return "external_id" if line.external_id else "user_id"


def _outcome(refusal: Refusal) -> Outcome:
    if isinstance(refusal, InvalidRequest) and isinstance(refusal.details, list):
        return Outcome("refused", [Problem(item["field"], item["message"]) for item in refusal.details])
    if isinstance(refusal, UsernameTaken):
        return refused("username", "is taken, reserved, or looks like the name of another player")
    return refused("external_id", refusal.message)
