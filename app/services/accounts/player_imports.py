"""Players from a file: created and changed by the rules of `POST /players`, many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        known = self._store.known(
            [line.external_id for line in lines if line.external_id], [line.user_id for line in lines if line.user_id]
        )
        by_external = {player.external_id: player for player in known if player.external_id}
        by_id = {player.id: player for player in known}
        erased = self._store.erased([line.user_id for line in lines if line.user_id])
        outcomes: list[Outcome | None] = [None] * len(lines)
        new: dict[int, NewPlayer] = {}
        for place, line in enumerate(lines):
            player = by_external.get(line.external_id) if line.external_id else by_id.get(line.user_id)  # type: ignore[arg-type]
            if place in repeated:
                outcomes[place] = refused("external_id" if line.external_id else "user_id", "is in the file twice")
            elif player is not None:
                outcomes[place] = self._change(player, line, run)
            elif line.user_id in by_id:
                outcomes[place] = refused("user_id", "is the id of a player with another external_id")
            elif line.user_id in erased:
                outcomes[place] = refused("user_id", "was the id of a player who is erased")
            else:
                player_or_refusal = self._new(line)
                if isinstance(player_or_refusal, Outcome):
                    outcomes[place] = player_or_refusal
                else:
                    new[place] = player_or_refusal
        for place, outcome in self._add(new, run).items():
            outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

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
        taken = run.names | self._store.taken(
            [username_key(player.username) for player in new.values()],
            [text for player in new.values() for text in player.skeletons],
        )
        outcomes, free, ids = {}, [], set[UUID]()
        for place, player in new.items():
            texts = {username_key(player.username), *player.skeletons}
            if texts & taken:
                outcomes[place] = refused("username", "is taken, or looks like the name of another player")
            elif player.id in ids:
                outcomes[place] = refused("user_id", "is in the file twice")
            else:
                taken |= texts
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
                return self._check_name(player, line.username) if is_renamed else CHANGED
            self._game_players.change(player.id, line.username, line.attributes, request_id=run.request_id)
        except ValueError as error:
            return refused("attributes", str(error))
        except Refusal as refusal:
            return _outcome(refusal)
        return CHANGED

    def _check_name(self, player: KnownPlayer, username: str | None) -> Outcome:
        """Return whether a player could have this name, as far as a dry run can tell."""
        assert username is not None
        self._rules.check_new(username)
        own = {username_key(player.username), *skeletons(player.username)}
        texts = {username_key(username), *skeletons(username)}
        if self._store.taken(sorted(texts), sorted(texts)) - own:
            raise UsernameTaken()
        return CHANGED


def _outcome(refusal: Refusal) -> Outcome:
    if isinstance(refusal, InvalidRequest) and isinstance(refusal.details, list):
        return Outcome("refused", [Problem(item["field"], item["message"]) for item in refusal.details])
    if isinstance(refusal, UsernameTaken):
        return refused("username", "is taken, reserved, or looks like the name of another player")
    return refused("external_id", refusal.message)
