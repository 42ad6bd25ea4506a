"""Look-alikes and older accounts, on a real database."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import argon2
import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.accounts import older_username_key
from app.errors import InvalidCredentials, InvalidRequest, UsernameTaken
from tests.parts.refusals import bad_fields

PASSWORD = "correct horse"


def older_account(container: Container, username: str, password: str = PASSWORD) -> None:
    """Add an account as a version before look-alike checks stored it."""
    hash_as_typed = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(password)
    container.players.add(uuid4(), username, older_username_key(username), hash_as_typed, "player")


def test_a_look_alike_of_a_taken_name_is_taken(container: Container) -> None:
    container.accounts.create("Anna", PASSWORD)
    for look_alike in ("\u0410nna", "ANN\u0391", "anna\ufe0f", "Anna\u3164", "Ann\u0430\u034f"):
        with pytest.raises(UsernameTaken):
            container.accounts.create(look_alike, PASSWORD)


def test_a_reserved_name_is_taken_but_not_for_an_operator(container: Container) -> None:
    with pytest.raises(UsernameTaken):
        container.accounts.create("Admin", PASSWORD)
    assert container.accounts.create_by("cli:ops", "admin", PASSWORD, "admin", "r").username == "admin"
    with pytest.raises(UsernameTaken):
        container.accounts.create_by("cli:ops", "\u0430dmin", PASSWORD, "admin", "r")


def test_of_look_alikes_that_register_at_the_same_moment_one_gets_the_name(
    container: Container, workers: list[Container]
) -> None:
    names = ["player1", "playerl", "playerI", "p\u04cfayer1"]

    def register(container: Container, name: str) -> str | None:
        try:
            return container.accounts.create(name, PASSWORD).username
        except UsernameTaken:
            return None

    with ThreadPoolExecutor(len(names)) as pool:
        winners = [name for name in pool.map(register, workers, names) if name]
    assert len(winners) == 1


def test_what_is_wrong_with_name_and_password_is_said_at_once(container: Container) -> None:
    with pytest.raises(InvalidRequest) as refused:
        container.accounts.create("\u2800\u2800\u2800", "password")
    assert bad_fields(refused.value) == ["username", "password"]


def test_accounts_with_older_names_still_sign_in_each_to_its_own(container: Container) -> None:
    for name in ("Anna", "Anna\ufe0f", "Anna  B"):
        older_account(container, name)
    for name in ("anna", "Anna\ufe0f", "anna  b"):
        assert container.accounts.login(name, PASSWORD).player.username.casefold() == name.casefold()


def test_a_name_is_signed_in_with_whatever_is_invisible_in_it(container: Container) -> None:
    anna = container.accounts.create("Anna B", PASSWORD)
    assert container.accounts.login("ANNA\u3164   b\ufe0f", PASSWORD).player.id == anna.id


def test_a_password_is_the_same_in_every_form(container: Container) -> None:
    password = "\u00e9t\u00e9 \u00e0 la mer"
    container.accounts.create("Anna", unicodedata.normalize("NFC", password))
    container.accounts.create("Ben", unicodedata.normalize("NFD", password))
    for name in ("Anna", "Ben"):
        container.accounts.login(name, unicodedata.normalize("NFC", password))
        container.accounts.login(name, unicodedata.normalize("NFD", password))


def test_a_password_that_was_hashed_as_typed_still_works_and_is_hashed_anew(container: Container) -> None:
    typed = unicodedata.normalize("NFD", "\u00e9t\u00e9 \u00e0 la mer")
    older_account(container, "Anna", typed)
    with pytest.raises(InvalidCredentials):
        container.accounts.login("Anna", unicodedata.normalize("NFC", typed))
    container.accounts.login("Anna", typed)
    container.accounts.login("Anna", unicodedata.normalize("NFC", typed))


def test_skeletons_go_to_the_first_registered_and_the_others_are_named(container: Container) -> None:
    for name in ("player1", "playerl", "Ben", "B\u0435n"):
        older_account(container, name)
    listed = [(pair.username, pair.first_username) for pair in container.accounts.look_alikes()]
    assert listed == [("playerl", "player1"), ("B\u0435n", "Ben")]
    assert [pair.username for pair in container.accounts.look_alikes()] == ["playerl", "B\u0435n"]
    with pytest.raises(UsernameTaken):
        container.accounts.create("playerI", PASSWORD)
    with container.database.transaction() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM username_skeletons")).scalar_one() == 2 + 1 + 2


def test_only_a_name_that_is_taken_is_called_taken(container: Container) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        container.players.add(uuid4(), "Anna", "anna", "no password fits this", "emperor")
    container.players.add(uuid4(), "Anna", "anna", "no password fits this", "player")
    with pytest.raises(UsernameTaken):
        container.players.add(uuid4(), "ANNA", "anna", "no password fits this", "player")
