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
from app.services.accounts.erasures import Erasures
from app.services.accounts.exports import Exports
from app.services.accounts.game_players import GamePlayers
from app.services.accounts.guests import Guests
from app.services.accounts.login_ends import LoginEnds
from app.services.accounts.name_rules import NameRules
from app.services.accounts.password_changes import PasswordChanges
from app.services.accounts.password_hashing import PasswordHashing
from app.services.accounts.password_proof import PasswordProof
from app.services.accounts.player_changes import PlayerChanges
from app.services.accounts.provider_keys import ProviderKeys
from app.services.accounts.provider_sign_ins import ProviderSignIns
from app.services.accounts.provider_tokens import ProviderTokens
from app.services.accounts.renames import Renames
from app.services.accounts.sightings import Sightings
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.services.accounts.sign_ins import SignIns
from app.services.moderation.status_changes import StatusChanges
from app.settings import BadSetting, Settings
from app.stores.accounts.api_keys import ApiKeyStore
from app.stores.accounts.attributes import AttributeStore
from app.stores.accounts.blocked_names import BlockedNameFile
from app.stores.accounts.credentials import CredentialStore
from app.stores.accounts.erasures import ErasureStore
from app.stores.accounts.exports import ExportStore
from app.stores.accounts.failed_sign_ins import FailedSignInStore
from app.stores.accounts.identities import IdentityStore
from app.stores.accounts.key_sources import key_source
from app.stores.accounts.logins import LoginStore
from app.stores.accounts.players import PlayerStore
from app.stores.accounts.sightings import SightingStore
from app.stores.accounts.sign_ins import SignInStore
from app.stores.boards.outbox import OutboxStore
from app.stores.boards.rankings import RankingStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.catalog import CatalogStore

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class AccountParts:
    """The stores and services of accounts."""

    players: PlayerStore
    credentials: CredentialStore
    logins: LoginStore
    login_ends: LoginEnds
    name_rules: NameRules
    throttle: SignInThrottle
    proof: PasswordProof
    sessions: Sessions
    accounts: Accounts
    password_changes: PasswordChanges
    sign_ins: SignIns
    sightings: Sightings
    api_keys: ApiKeys
    key_checks: KeyChecks
    provider_keys: ProviderKeys | None
    provider_sign_ins: ProviderSignIns | None


def check_blocked_names(settings: Settings) -> None:
    """Raise BadSetting if the file of blocked words can't be read, so that no process starts without its words."""
    try:
        BlockedNameFile(settings.blocked_names_file).read()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"BLOCKED_NAMES_FILE can't be read: {error}") from None


def build_accounts(connections: Connections, audit: AuditStore) -> AccountParts:
    """Return the stores and services of accounts."""
    settings, database, redis, clock = (
        connections.settings,
        connections.database,
        connections.redis,
        connections.clock,
    )
    players, logins = PlayerStore(database), LoginStore(database, redis, connections.scripts)
    credentials, login_ends = CredentialStore(database), LoginEnds(database, players, logins, redis)
    passwords = PasswordHashing(run_in_thread, at_once=_hashing_threads(settings.web_workers))
    throttle = SignInThrottle(FailedSignInStore(connections.scripts, clock))
    rules, proof = (
        NameRules(BlockedNameFile(settings.blocked_names_file)),
        PasswordProof(credentials, passwords, throttle),
    )
    accounts = Accounts(
        database,
        players,
        credentials,
        logins,
        login_ends,
        audit,
        rules,
        passwords,
        throttle,
        redis,
        clock=clock,
        refresh_seconds=settings.refresh_token_seconds,
    )
    sightings = Sightings(
        SightingStore(database), secret=settings.jwt_keys[0].secret, is_on=settings.account_links, clock=clock
    )
    api_keys = ApiKeyStore(database, redis, connections.scripts)
    provider_keys = ProviderKeys(key_source(settings.identity_jwks)) if settings.identity_issuer else None
    return AccountParts(
        players,
        credentials,
        logins,
        login_ends,
        rules,
        throttle,
        proof,
        Sessions(logins),
        accounts,
        PasswordChanges(database, players, credentials, passwords, proof, throttle, login_ends, audit),
        SignIns(SignInStore(redis), clock=clock),
        sightings,
        ApiKeys(database, api_keys, audit),
        KeyChecks(api_keys, clock=clock),
        provider_keys,
        _build_provider(connections, provider_keys, players, rules) if provider_keys else None,
    )


def _build_provider(
    connections: Connections, keys: ProviderKeys, players: PlayerStore, rules: NameRules
) -> ProviderSignIns:
    settings, database = connections.settings, connections.database
    tokens = ProviderTokens(
        keys,
        issuer=settings.identity_issuer,
        audience=settings.identity_audience,
        name_claim=settings.identity_name_claim,
        clock=connections.clock,
    )
    return ProviderSignIns(tokens, database, IdentityStore(database), players, rules)


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


@dataclass(frozen=True, slots=True)
class PlayerParts:
    """The services that create players without a registration, change their names, export and erase them."""

    renames: Renames
    guests: Guests
    game_players: GamePlayers
    exports: Exports
    erasures: Erasures


def build_players(
    connections: Connections,
    accounts: AccountParts,
    attributes: Attributes,
    outbox: OutboxStore,
    audit: AuditStore,
    statuses: StatusChanges,
    claims: ActionClaimStore,
) -> PlayerParts:
    """Return the services of guests, of a game's own players, of names, exports and erasing."""
    database, players, rules = connections.database, accounts.players, accounts.name_rules
    renames = Renames(
        database,
        players,
        accounts.credentials,
        outbox,
        rules,
        accounts.throttle,
        attributes,
        rename_seconds=connections.settings.rename_seconds,
    )
    guests = Guests(
        database,
        players,
        accounts.credentials,
        accounts.accounts,
        renames,
        rules,
        accounts.throttle,
        attributes,
    )
    erasures = Erasures(
        database,
        players,
        ErasureStore(),
        outbox,
        audit,
        accounts.proof,
        accounts.login_ends,
        statuses,
        claims,
    )
    return PlayerParts(
        renames,
        guests,
        GamePlayers(database, players, accounts.accounts, attributes, renames, rules),
        Exports(ExportStore(database), claims),
        erasures,
    )


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
