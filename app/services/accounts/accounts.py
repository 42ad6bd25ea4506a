"""Accounts: sign-up, sign-in, refresh and sign-out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from app.domain.accounts import older_username_key, username_key, username_of
from app.domain.look_alikes import skeletons
from app.domain.passwords import check_password
from app.domain.times import utc
from app.errors import (
    AccountSuspended,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    Unauthorized,
    Unavailable,
)
from app.services.accounts.login_ends import LoginEnds
from app.services.accounts.name_rules import NameRules
from app.services.accounts.password_hashing import PasswordHashing
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.stores.accounts.credentials import CredentialStore
from app.stores.accounts.gates import Admission, Gate
from app.stores.accounts.logins import LoginState, LoginStore
from app.stores.accounts.players import Player, PlayerStore
from app.stores.accounts.username_skeletons import LookAlike, fill_in_steps
from app.stores.boards.board_events import LoginEnded, publish_control
from app.stores.moderation.audit import AuditStore
from app.stores.postgres.engine import Database
from app.stores.redis.client import Client

_ID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A checked name and password, in the form that the store keeps."""

    username: str
    key: str
    password_hash: str
    skeletons: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Login:
    """The player and the ids that the tokens of a fresh login carry."""

    player: Player
    login_id: UUID
    refresh_id: UUID


class Accounts:
    """Manages accounts and logins. Names and passwords are checked here, for every caller."""

    def __init__(
        self,
        database: Database,
        players: PlayerStore,
        credentials: CredentialStore,
        logins: LoginStore,
        login_ends: LoginEnds,
        audit: AuditStore,
        rules: NameRules,
        passwords: PasswordHashing,
        throttle: SignInThrottle,
        client: Client,
        *,
        clock: Callable[[], float],
        refresh_seconds: int,
    ) -> None:
        self._db = database
        self._players, self._credentials, self._logins = players, credentials, logins
        self._login_ends, self._audit, self._rules, self._client = login_ends, audit, rules, client
        self._passwords, self._throttle = passwords, throttle
        self._clock, self._refresh_seconds = clock, refresh_seconds

    def create(self, username: str, password: str, role: str = "player") -> Player:
        """Create an account. Raises InvalidRequest, or UsernameTaken also for a look-alike and a reserved name."""
        account = self.check_new(username, password)
        return self._players.add(uuid4(), account.username, account.key, account.password_hash, role, account.skeletons)

    def check_new(self, username: str, password: str, *, by_operator: bool = False) -> NewAccount:
        """Check a name and a password, then hash it. Raises InvalidRequest with every problem, or UsernameTaken."""
        problems, name = [], ""
        try:
            name = username_of(username)
        except ValueError as error:
            problems.append({"field": "username", "message": str(error)})
        try:
            check_password(password, name)
        except ValueError as error:
            problems.append({"field": "password", "message": str(error)})
        if problems:
            raise InvalidRequest(details=problems)
        if not by_operator:
            self._rules.check_new(name)
        return NewAccount(name, username_key(name), self._passwords.hash(password), skeletons(name))

    def find(self, name_or_id: str) -> Player:
        """Return the account of that name or id; an id is too long for a name. Raises NotFound."""
        try:
            player = self._players.get(UUID(name_or_id)) if len(name_or_id) == _ID_LENGTH else None
        except ValueError:
            player = None
        if player is None and _is_storable(name_or_id):
            match = self._find_by_name(name_or_id)
            player = match[0] if match else None
        if player is None:
            raise NotFound("There is no such user.")
        return player

    def page(
        self, *, status: str | None = None, prefix: str = "", limit: int, after: UUID | None = None
    ) -> list[Player]:
        """Return at most `limit` accounts in the order of their names, after this one; `prefix` ignores case.

        Raises InvalidRequest if `after` is no account.
        """
        if after is not None and self._players.get(after) is None:
            raise InvalidRequest.field("after", "is not a player")
        if not _is_storable(prefix):
            return []
        return self._players.page(status=status, prefix=username_key(prefix), limit=limit, after=after)

    def create_by(self, actor: str, username: str, password: str, role: str, request_id: str) -> Player:
        """Create an account for an operator, who may use a reserved name, and record it in the audit log."""
        account = self.check_new(username, password, by_operator=True)
        with self._db.transaction() as connection:
            player = self._players.add_on(
                connection, uuid4(), account.username, account.key, account.password_hash, role, account.skeletons
            )
            self._audit.append(connection, actor, "user.created", f"player:{player.id}", {"role": role}, request_id)
        return player

    def role(self, player_id: UUID) -> str | None:
        """Return `player` or `admin`, as it is now, or None for an unknown id."""
        player = self._players.get(player_id)
        return player.role if player else None

    def look_alikes(self) -> list[LookAlike]:
        """Fill in missing skeletons; return the accounts whose names look like those of older accounts."""
        return fill_in_steps(self._db, skeletons)

    def register(self, username: str, password: str, address: str) -> Login:
        """Create a player, signed in at this address. Raises InvalidRequest, UsernameTaken."""
        player = self.create(username, password)
        self._throttle.remember(username_key(player.username), address)
        return self._open(player)

    def login(self, username: str, password: str, address: str = "") -> Login:
        """Sign in from an address.

        Raises InvalidCredentials, for an unknown name and a wrong password alike, or SignInDelayed after too many
        failures.
        """
        with self._throttle.attempt(username_key(username), address):
            player, password_hash = self._find_by_name(username) or (None, None)
            if not self._passwords.matches(password, password_hash) or player is None or password_hash is None:
                raise InvalidCredentials()
            login = self._open(player, password_hash)
        with suppress(Unavailable):  # a better hash can wait for a quieter moment
            if self._passwords.needs_rehash(password, password_hash):
                self._credentials.improve_hash(player.id, password_hash, self._passwords.hash(password))
        return login

    def open_login(self, player: Player) -> Login:
        """Sign a player in whom the caller has recognised by itself, a suspended one too."""
        return self._open(player)

    def _find_by_name(self, username: str) -> tuple[Player, str | None] | None:
        """Find an account by its name, or by the name under which it was registered in older versions."""
        return self._players.find(older_username_key(username), username_key(username))

    def refresh(self, player_id: UUID, login_id: UUID, refresh_id: UUID) -> Login:
        """Swap a refresh token for a new pair. Raises Unauthorized, AccountSuspended.

        A refresh token that was used already ends its whole family.
        """
        player = self._players.get(player_id)
        if player is None:
            raise Unauthorized("The token is not valid. Sign in again.")
        if player.status == "suspended":
            raise AccountSuspended()
        new_refresh_id = uuid4()
        if not self._logins.rotate(login_id, refresh_id, new_refresh_id, utc(self._clock() + self._refresh_seconds)):
            self._end(player_id, login_id, "refresh token used twice")
            raise Unauthorized("This refresh token was used already. Sign in again.")
        return Login(player, login_id, new_refresh_id)

    def logout(self, player_id: UUID, login_id: UUID, *, everywhere: bool = False) -> None:
        """End this login, its tokens and its sockets; with `everywhere` all logins of the player."""
        if everywhere:
            self._login_ends.sign_out(player_id)
        else:
            self._end(player_id, login_id, "signed out")

    def sign_out_by(self, actor: str, player_id: UUID, request_id: str) -> int:
        """End all logins of a player for an operator, as an act in the audit log; return their number.

        Without a login there is no act.
        """
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            login_ids = self._login_ends.end_all(connection, player_id, "signed out by an operator")
            if login_ids:
                details = {"logins": len(login_ids)}
                self._audit.append(connection, actor, "user.signed_out", f"player:{player_id}", details, request_id)
        self._login_ends.publish(player_id, login_ids)
        return len(login_ids)

    def _open(self, player: Player, password_hash: str | None = None) -> Login:
        """Raise InvalidCredentials if the player was erased meanwhile, or the password is no longer this hash's."""
        login = Login(player, uuid4(), uuid4())
        expires_at = utc(self._clock() + self._refresh_seconds)
        if not self._logins.open(login.login_id, player.id, login.refresh_id, expires_at, password_hash):
            raise InvalidCredentials()
        return login

    def _end(self, player_id: UUID, login_id: UUID, reason: str) -> None:
        self._logins.end(player_id, login_id, reason)
        publish_control(self._client, LoginEnded(login_id))


def _is_storable(text: str) -> bool:
    """Return whether PostgreSQL accepts the text: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class Sessions:
    """Checks on every request whether a login may still act."""

    def __init__(self, logins: LoginStore) -> None:
        self._logins = logins
        self.states = logins.states

    def check(self, player_id: UUID, login_id: UUID, *, may_be_suspended: bool = False) -> None:
        """Raise Unauthorized for an ended login, AccountSuspended for a suspended player unless `may_be_suspended`."""
        _require_access(self._logins.states([(player_id, login_id)])[0], may_be_suspended)

    def admit(self, gate: Gate, *, may_be_suspended: bool = False) -> int:
        """Count a request in the window of a rate limit, then check its login; return the window's count.

        One round trip to Redis serves both. Raises the errors of `check`, however high the count is.
        """
        return self.check_admission(gate, self._logins.admit(gate), may_be_suspended=may_be_suspended)

    def check_admission(self, gate: Gate, admission: Admission, *, may_be_suspended: bool = False) -> int:
        """Check the login of a request that a script has counted; return the window's count. Raises as `check` does."""
        _require_access(self._logins.states([gate.pair], [admission.copies])[0], may_be_suspended)
        return admission.count


def _require_access(state: LoginState, may_be_suspended: bool) -> None:
    if state == "ended":
        raise Unauthorized("This login has ended. Sign in again.")
    if state == "suspended" and not may_be_suspended:
        raise AccountSuspended()
