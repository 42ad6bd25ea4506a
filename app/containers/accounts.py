"""Factory of the stores and services of accounts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

from app.containers.connections import Connections
from app.services.accounts.accounts import Accounts, Sessions
from app.services.accounts.api_keys import ApiKeys, KeyChecks
from app.services.accounts.attributes import Attributes
from app.services.accounts.game_players import GamePlayers
from app.services.accounts.password_hashing import PasswordHashing
from app.services.accounts.player_changes import PlayerChanges
from app.services.accounts.renames import Renames
from app.services.accounts.sightings import Sightings
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.services.accounts.sign_ins import SignIns
from app.stores.accounts.api_keys import ApiKeyStore
from app.stores.accounts.attributes import AttributeStore
from app.stores.accounts.failed_sign_ins import FailedSignInStore
from app.stores.accounts.logins import LoginStore
from app.stores.accounts.players import PlayerStore
from app.stores.accounts.sightings import SightingStore
from app.stores.accounts.sign_ins import SignInStore
from app.stores.boards.rankings import RankingStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.catalog import CatalogStore

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class AccountParts:
    """The stores and services of accounts."""

    players: PlayerStore
    logins: LoginStore
    sessions: Sessions
    accounts: Accounts
    sign_ins: SignIns
    sightings: Sightings
    api_keys: ApiKeys
    key_checks: KeyChecks


def build_accounts(connections: Connections, audit: AuditStore) -> AccountParts:
    """Return the stores and services of accounts."""
    settings, database, redis, clock = (
        connections.settings,
        connections.database,
        connections.redis,
        connections.clock,
    )
    players, logins = PlayerStore(database), LoginStore(database, redis, connections.scripts)
    accounts = Accounts(
        database,
        players,
        logins,
        audit,
        PasswordHashing(run_in_thread, at_once=_hashing_threads(settings.web_workers)),
        SignInThrottle(FailedSignInStore(connections.scripts, clock)),
        redis,
        clock=clock,
        refresh_seconds=settings.refresh_token_seconds,
    )
    sightings = Sightings(
        SightingStore(database), secret=settings.jwt_keys[0].secret, is_on=settings.account_links, clock=clock
    )
    api_keys = ApiKeyStore(database, redis, connections.scripts)
    return AccountParts(
        players,
        logins,
        Sessions(logins),
        accounts,
        SignIns(SignInStore(redis), clock=clock),
        sightings,
        ApiKeys(database, api_keys, audit),
        KeyChecks(api_keys, clock=clock),
    )


def build_attributes(
    connections: Connections, accounts: AccountParts, rankings: RankingStore, catalog: CatalogStore
) -> Attributes:
    """Return the service of players' attributes."""
    return Attributes(AttributeStore(connections.database), accounts.players, rankings, catalog)


def build_player_changes(
    connections: Connections, accounts: AccountParts, attributes: Attributes, renames: Renames, audit: AuditStore
) -> PlayerChanges:
    """Return the service of operators' changes of players."""
    return PlayerChanges(connections.database, accounts.players, attributes, renames, audit)


def build_game_players(
    connections: Connections, accounts: AccountParts, attributes: Attributes, renames: Renames
) -> GamePlayers:
    """Return the service of a game's own players."""
    return GamePlayers(connections.database, accounts.players, accounts.accounts, attributes, renames)


def run_in_thread(function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
    """Return the result of a slow computation. Under gevent it runs in a real thread, so that other greenlets go on."""
    monkey_module = sys.modules.get("gevent.monkey")
    if monkey_module is None or not monkey_module.is_module_patched("threading"):
        return function(*arguments)
    result: Result = sys.modules["gevent"].get_hub().threadpool.apply(function, arguments)
    return result


def _hashing_threads(web_workers: int) -> int:
    """Return how many passwords one process hashes at a time: its share of the cores, 4 at most."""
    return max(1, min(4, len(os.sched_getaffinity(0)) // web_workers))
