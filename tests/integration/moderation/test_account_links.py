"""Accounts that belong together, on real servers: what is recorded, for how long, and the cases that follow."""

from __future__ import annotations

import io
import json
import logging
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app import logs
from app.cli.register import register
from app.containers.container import Container
from app.factory import create_app
from app.services.accounts.sightings import Sightings
from app.services.moderation.decisions import DecisionAuthor
from app.stores.accounts.sightings import RETENTION_DAYS, SightingStore
from app.stores.moderation.account_plays import account_ledger
from devstack.stack import Stack
from tests.integration.moderation.ledgers import DAY, HandLedger, write_days

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
    return container.accounts.create(name, "a good password").id


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


class Farm:
    """Twenty-five people, and three accounts that repeat one play three minutes apart, two hours ago."""

    def __init__(self, container: Container) -> None:
        self.ledger, self.container = HandLedger(container), container
        self.now = datetime.now(UTC)
        write_days(self.ledger, 25, 2, self.now)
        self.accounts = [self.ledger.player() for _ in range(3)]
        self.play(self.now - timedelta(hours=2), 1)

    def play(self, begin: datetime, seed: int) -> None:
        rng = random.Random(f"farm {seed}")  # no sequence of the people
        intervals = [rng.lognormvariate(1.2, 0.7) for _ in range(200)]
        self.ledger.write_stretches(
            [
                (
                    account,
                    begin + number * timedelta(minutes=3),
                    [max(0.1, interval + rng.gauss(0, 0.005)) for interval in intervals],
                )
                for number, account in enumerate(self.accounts)
            ]
        )


@pytest.fixture
def farm(container: Container) -> Farm:
    return Farm(container)


def test_each_account_of_a_farm_gets_a_case_that_names_the_others_and_nothing_else(
    container: Container, farm: Farm
) -> None:
    assert len(container.account_links.find().groups) == 1
    assert container.cases.page()[0] == [], "looking opens nothing"
    result = container.account_links.run()
    assert {case.player_id for case in result.cases} == set(farm.accounts)
    (file,) = container.cases.case_files_of(farm.accounts[0])
    (signal,) = file.signals
    assert (file.case.state, file.case.status, file.case.held) == ("open", "active", False)
    assert (signal.source, signal.rule, signal.is_hard) == ("linked", "linked", False)
    names = {container.accounts.find(str(player)).username for player in farm.accounts[1:]}
    assert all(name in signal.seen for name in names)
    assert "was linked to other accounts" in file.summary
    assert {case.username for case in file.linked_cases} == names
    assert 0 < file.suspicion < container.settings.hold_level


def test_a_link_never_lifts_the_suspicion_to_a_hold(container: Container, farm: Farm) -> None:
    for player in farm.accounts:
        container.database.rows(
            "INSERT INTO suspicion (player_id, value, soft, at) VALUES (:id, 44, 44, now()) RETURNING value", id=player
        )
    container.account_links.run()
    levels = [container.cases.suspicion(player) for player in farm.accounts]
    assert all(40 < level < container.settings.hold_level for level in levels)


def test_a_repeated_run_adds_nothing_and_a_new_account_joins_the_group(container: Container, farm: Farm) -> None:
    container.account_links.run()
    assert container.account_links.run().cases == []
    assert len(container.database.rows("SELECT FROM signals")) == 3
    farm.accounts.append(farm.ledger.player())
    farm.play(farm.now - timedelta(hours=1), 2)
    (joined,) = container.account_links.run().cases
    assert joined.player_id == farm.accounts[-1]
    (file,) = container.cases.case_files_of(farm.accounts[0])
    assert len(file.linked_cases) == 3


def test_the_review_does_not_count_links_again(container: Container, farm: Farm) -> None:
    container.account_links.run()
    for statement in (
        "UPDATE signals SET case_id = NULL, added = 59 RETURNING id",
        "DELETE FROM case_groups RETURNING case_id",
        "DELETE FROM cases RETURNING id",
    ):
        container.database.rows(statement)
    assert container.review.review_again(farm.now - DAY, player_id=farm.accounts[0]).cases == []


def test_a_decision_on_one_case_decides_no_other_and_holds(container: Container, farm: Farm) -> None:
    container.account_links.run()
    by = DecisionAuthor("cli:tests", "a band that plays together", "r")
    cases = [container.cases.case_files_of(player)[0].case.case_id for player in farm.accounts]
    container.decisions.decide(cases[0], "confirmed", by)
    states = [container.cases.case_files_of(player)[0].case.state for player in farm.accounts]
    assert states == ["confirmed", "open", "open"]
    for case_id in cases[1:]:
        container.decisions.decide(case_id, "cleared", by)
    assert container.account_links.run().cases == [], "what was decided does not count again"


def test_new_play_after_a_decision_is_judged_and_cleared_twice_counts_a_fraction(
    container: Container, farm: Farm
) -> None:
    by = DecisionAuthor("cli:tests", "a band", "r")
    for seed in (2, 3, 4):
        opened = container.account_links.run().cases
        if seed == 4:
            assert opened == []
            break
        assert len(opened) == 3, seed
        for case in opened:
            container.decisions.decide(case.case_id, "cleared", by)
        decided_at = farm.now - timedelta(minutes=100 - 30 * (seed - 2))
        for table, column in (("cases", "decided_at"), ("suspicion", "cleared_at")):
            container.database.rows(f"UPDATE {table} SET {column} = :at RETURNING 1", at=decided_at)
        assert container.account_links.run().cases == [], "only play of after the decision counts"
        farm.play(decided_at + timedelta(seconds=1), seed)
    assert "linked" in container.suspicions.forgiven(str(farm.accounts[0]))


def test_switched_off_nothing_is_compared(container: Container, farm: Farm) -> None:
    settings = container.settings.model_copy(update={"account_links": False})
    other = Container(settings)
    assert other.account_links.run().groups == []
    other.close()


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


def test_the_command_line_shows_groups_opens_cases_and_links_them(container: Container, farm: Farm) -> None:
    app = create_app(container.settings)
    register(app)
    runner = app.test_cli_runner()
    (members,) = json.loads(runner.invoke(args=["anticheat", "links", "--json"]).stdout)["groups"]
    assert {member["player_id"] for member in members} == set(map(str, farm.accounts))
    looked = runner.invoke(args=["anticheat", "links"])
    assert "1 group of linked accounts." in looked.output, looked.output
    assert "1 group of linked accounts, 3 new cases." in runner.invoke(args=["anticheat", "links", "--run"]).output
    (file,) = container.cases.case_files_of(farm.accounts[0])
    shown = runner.invoke(args=["anticheat", "show", str(file.case.case_id)]).output
    assert "Linked cases, each to be decided on its own:" in shown
    assert all(case.username in shown and str(case.case_id) in shown for case in file.linked_cases)
    app.extensions["fairboard"].close()


_TASK = """
import sys
from workers.background import link_accounts
link_accounts.run()
"""


@pytest.mark.parametrize(("without", "cases"), [("", 3), ("sys.modules['numpy'] = None\n", 0)])
def test_the_task_opens_the_cases_and_goes_on_without_the_library(
    container: Container, farm: Farm, servers: Stack, without: str, cases: int
) -> None:
    env = {**servers.env, "DATABASE_URL": container.settings.database_url, "REDIS_URL": container.settings.redis_url}
    script = _TASK.replace("import sys\n", f"import sys\n{without}")
    process = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    assert len(container.cases.page()[0]) == cases
