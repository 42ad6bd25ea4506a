"""The records of accounts' networks and clients, how long they last, and the traits that accounts share."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app import logs
from app.containers.container import Container
from app.factory import create_app
from app.services.accounts.sightings import Sightings
from app.stores.accounts.sightings import RETENTION_DAYS, SightingStore
from app.stores.moderation.account_plays import account_ledger
from tests.integration.moderation.ledgers import DAY
from tests.integration.players import add_player

SIGN_IN = ("203.0.113.7", "Firefox/130", "ja")


class Clock:
    """A clock that a test moves."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 19, 12, tzinfo=UTC))


@pytest.fixture
def sightings(container: Container, clock: Clock) -> Sightings:
    return _sightings(container, clock)


def _sightings(container: Container, clock: Clock, *, is_on: bool = True, secret: str = "a secret") -> Sightings:
    return Sightings(SightingStore(container.database), secret=secret, is_on=is_on, clock=clock)


def _player(container: Container, name: str) -> UUID:
    return add_player(container, name)


def _rows(container: Container) -> list[tuple[UUID, int, int, bytes, bytes]]:
    rows = container.database.rows("SELECT player_id, day, week, network, device FROM sightings ORDER BY day, week")
    return [(row.player_id, row.day, row.week, bytes(row.network), bytes(row.device)) for row in rows]


def _networks(container: Container, player: UUID) -> set[bytes]:
    return {network for owner, _, _, network, _ in _rows(container) if owner == player}


def test_a_sighting_is_stored_once_a_day_with_two_keys(
    container: Container, sightings: Sightings, clock: Clock
) -> None:
    anna = _player(container, "anna")
    for _ in range(3):
        sightings.note(anna, *SIGN_IN)
    rows = _rows(container)
    assert len(rows) == 2
    assert len({week for _, _, week, _, _ in rows}) == 2
    assert len({network for *_, network, _ in rows}) == 2, "the same network has another hash with another key"
    clock.at += timedelta(days=1)
    sightings.note(anna, *SIGN_IN)
    sightings.note(anna, "198.51.100.1", *SIGN_IN[1:])
    assert len(_rows(container)) == 6


@pytest.mark.parametrize(
    ("address", "is_shared"),
    [("203.0.113.250", True), ("203.0.112.7", False), ("2001:db8::1", False), ("::ffff:203.0.113.9", True)],
)
def test_a_network_is_a_prefix(container: Container, sightings: Sightings, address: str, is_shared: bool) -> None:
    anna, berta = _player(container, "anna"), _player(container, "berta")
    sightings.note(anna, *SIGN_IN)
    sightings.note(berta, address, "other", "de")
    assert bool(_networks(container, anna) & _networks(container, berta)) is is_shared
    assert not {row[4] for row in _rows(container) if row[0] == anna} & {
        row[4] for row in _rows(container) if row[0] == berta
    }


def test_ipv6_networks_are_lines(container: Container, sightings: Sightings) -> None:
    anna, berta, carla = (_player(container, name) for name in ("anna", "berta", "carla"))
    for player, address in ((anna, "2001:db8::1"), (berta, "2001:db8::ffff:2"), (carla, "2001:db8:0:1::1")):
        sightings.note(player, address, "x", "")
    assert _networks(container, anna) == _networks(container, berta)
    assert not _networks(container, anna) & _networks(container, carla)


def test_no_boundary_of_weeks_separates_days_and_old_weeks_cannot_be_compared(
    container: Container, sightings: Sightings, clock: Clock
) -> None:
    anna, berta, carla = (_player(container, name) for name in ("anna", "berta", "carla"))
    sightings.note(anna, *SIGN_IN)
    clock.at += timedelta(days=7)
    sightings.note(berta, *SIGN_IN)
    clock.at += timedelta(days=7)
    sightings.note(carla, *SIGN_IN)
    assert _networks(container, anna) & _networks(container, berta)
    assert _networks(container, berta) & _networks(container, carla)
    assert not _networks(container, anna) & _networks(container, carla)


def test_another_secret_gives_other_hashes(container: Container, sightings: Sightings, clock: Clock) -> None:
    anna, berta = _player(container, "anna"), _player(container, "berta")
    sightings.note(anna, *SIGN_IN)
    _sightings(container, clock, secret="another secret").note(berta, *SIGN_IN)
    assert not _networks(container, anna) & _networks(container, berta)


def test_sightings_end_after_two_weeks_or_when_they_are_switched_off(
    container: Container, sightings: Sightings, clock: Clock
) -> None:
    anna = _player(container, "anna")
    sightings.note(anna, *SIGN_IN)
    clock.at += timedelta(days=RETENTION_DAYS)
    sightings.note(anna, *SIGN_IN)
    assert sightings.prune() == 0
    clock.at += timedelta(days=1)
    assert (sightings.prune(), len(_rows(container))) == (2, 2)
    off = _sightings(container, clock, is_on=False)
    off.note(anna, *SIGN_IN)
    assert (len(_rows(container)), off.prune(), _rows(container)) == (2, 2, [])


def test_each_way_to_sign_in_is_a_sighting_and_none_is_in_the_log(container: Container) -> None:
    app = create_app(container.settings)
    logs.configure(container.settings)
    root, log = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(log)
    root.addHandler(handler)
    client = app.test_client()
    address = {"REMOTE_ADDR": "203.0.113.7"}
    account = {"username": "anna", "password": "a good password"}

    def enter(path: str, headers: dict[str, str], body: dict[str, str] | None) -> str:
        answer = client.post(f"/api/v1/auth/{path}", json=body, headers=headers, environ_base=address)
        return str(answer.get_json()["data"]["refresh_token"])

    enter("register", {"User-Agent": "one"}, account)
    token = enter("login", {"User-Agent": "two"}, account)
    enter("refresh", {"User-Agent": "three", "Authorization": f"Bearer {token}"}, None)
    rows = _rows(container)
    assert len(rows) == 6
    assert len({device for *_, device in rows}) == 6
    assert len({network for *_, network, _ in rows}) == 2
    root.removeHandler(handler)
    assert not any(value.hex() in log.getvalue() for *_, network, device in rows for value in (network, device))
    assert not any(b"203.0.113" in network for *_, network, _ in rows)
    app.extensions["fairboard"].close()


def test_traits_are_those_that_few_share(container: Container) -> None:
    now = datetime.now(UTC)
    sightings = _sightings(container, Clock(now))
    container.database.rows("UPDATE players SET created_at = now() - interval '1 year' RETURNING id")
    home = [_player(container, f"home-{number}") for number in range(3)]
    carrier = [_player(container, f"carrier-{number}") for number in range(16)]
    container.database.rows("UPDATE players SET created_at = now() - interval '1 year' RETURNING id")
    for player in home:
        sightings.note(player, "203.0.113.7", f"phone of {player}", "")
    for number, player in enumerate(carrier):
        sightings.note(player, "198.51.100.7", f"phone {number // 4}", "")
    moved = _sightings(container, Clock(now - DAY))
    moved.note(home[0], "192.0.2.1", "x", "")
    with account_ledger(container.database) as ledger:
        traits = ledger.traits(now)
    by_network = [trait for trait in traits if trait.words == "from one network"]
    assert {frozenset(trait.members) for trait in by_network} == {frozenset(map(str, home))}
    assert any(trait.since[str(home[0])] > 0 for trait in by_network), "it was seen elsewhere the day before"
    assert all(trait.since[str(home[1])] == 0 for trait in by_network)
    by_client = [trait for trait in traits if trait.words.endswith("with one kind of client")]
    assert {len(trait.members) for trait in by_client} == {4}


def test_a_burst_of_more_registrations_than_evidence_suffices_for_is_no_trait(container: Container) -> None:
    now = datetime.now(UTC)
    sightings = _sightings(container, Clock(now))
    for number in range(16):
        sightings.note(_player(container, f"pupil-{number}"), "198.51.100.7", f"phone {number}", "")
    with account_ledger(container.database) as ledger:
        assert ledger.traits(now) == []
