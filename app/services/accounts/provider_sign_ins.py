"""Players of an external identity provider: created at first sight, and signed in by each access token of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog

from app.domain.accounts import username_key
from app.domain.guest_names import guest_name
from app.domain.look_alikes import skeletons
from app.domain.provider_claims import ProviderClaims, suffixed_name
from app.domain.times import utc
from app.errors import InvalidRequest, Unauthorized, Unavailable, UsernameTaken
from app.services.accounts.name_rules import NameRules
from app.services.accounts.provider_tokens import ProviderToken, ProviderTokens
from app.stores.accounts.identities import IdentityStore, OpenedLogin, PersonKnown
from app.stores.accounts.players import PlayerStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.accounts")

_SUFFIXES, _GENERATED = 4, 50  # names that are tried
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class ProviderLogin:
    """A player with the login that one token stands for; `is_new` if no request had brought the token before."""

    player_id: UUID
    login_id: UUID
    issued_at: float
    expires_at: float
    is_new: bool


class ProviderSignIns:
    """Each token is a login of its own: it can be signed out, and ends with all others of the player."""

    def __init__(
        self,
        tokens: ProviderTokens,
        database: Database,
        identities: IdentityStore,
        players: PlayerStore,
        rules: NameRules,
        *,
        source: random.Random | None = None,
    ) -> None:
        """Take the `source` of suffixes and generated names, by default that of the system."""
        self._tokens, self._db, self._identities = tokens, database, identities
        self._players, self._rules = players, rules
        self._source = source or random.SystemRandom()
        self._players_of_logins: dict[UUID, UUID] = {}  # of tokens that this process has seen
        self.recognises = tokens.recognises

    def sign_in(self, token: str, count_sign_up: Callable[[], None]) -> ProviderLogin:
        """Return the player and login of a token; `count_sign_up` is called before a player is created.

        Raises Unauthorized, the errors of `count_sign_up`, or Unavailable without a free name.
        """
        verified = self._tokens.verify(token)
        claims, login_id = verified.claims, verified.login_id
        player_id, is_new = self._players_of_logins.get(login_id), False
        if player_id is None:
            login = self._open(verified) or self._open_first(verified, count_sign_up)
            player_id, is_new = login.player_id, login.is_new
            if len(self._players_of_logins) >= _REMEMBERED:
                self._players_of_logins.clear()
            self._players_of_logins[login_id] = player_id
        return ProviderLogin(player_id, login_id, claims.issued_at, claims.expires_at, is_new)

    def _open(self, token: ProviderToken) -> OpenedLogin | None:
        claims = token.claims
        return self._identities.open_login(
            token.login_id, claims.fingerprint, uuid4(), utc(claims.issued_at), utc(claims.expires_at)
        )

    def _open_first(self, token: ProviderToken, count_sign_up: Callable[[], None]) -> OpenedLogin:
        """Open the login of a person who may be new. Raises Unauthorized for one who is not."""
        status = self._identities.status(token.claims.fingerprint)
        if status is None:
            count_sign_up()
            self._create(token.claims)
        elif status == "erased":
            raise Unauthorized("This player was erased. The identity provider's account signs nobody in here any more.")
        login = self._open(token)
        if login is None:
            raise Unauthorized("This login has ended. Get a new token from the identity provider.")
        return login

    def _create(self, claims: ProviderClaims) -> None:
        """Create the player, unless another request does so meanwhile."""
        for name in self._names(claims.name):
            try:
                with self._db.transaction() as connection:
                    player = self._players.add_on(
                        connection, uuid4(), name, username_key(name), None, "player", skeletons(name)
                    )
                    self._identities.add(connection, claims, player.id)
            except PersonKnown:
                return
            except UsernameTaken:
                if self._identities.status(claims.fingerprint) is not None:  # it was taken by this very person
                    return
            else:
                log.info("provider_player_created", player_id=str(player.id))
                return
        log.error("no_provider_name", tries=_SUFFIXES + _GENERATED)
        raise Unavailable("There is no free name for a new player at this moment. Try again.")

    def _names(self, proposal: str | None) -> Iterator[str]:
        """Yield the proposed name if its rules allow it, the same with digits, and then generated ones."""
        if proposal is not None and self._is_allowed(proposal):
            yield proposal
            suffixed = (suffixed_name(proposal, self._source) for _ in range(_SUFFIXES))
            yield from (name for name in suffixed if name is not None and self._is_allowed(name))
        for _ in range(_GENERATED):
            name = guest_name(self._source)
            if not self._rules.is_blocked(name):
                yield name

    def _is_allowed(self, name: str) -> bool:
        try:
            self._rules.check_new(name)
        except (InvalidRequest, UsernameTaken):
            return False
        return True
