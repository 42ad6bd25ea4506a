"""Cases of accounts that belong together, on real servers."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from app.cli.register import register
from app.containers.container import Container
from app.factory import create_app
from app.services.moderation.decisions import DecisionAuthor
from devstack.stack import Stack
from tests.integration.moderation.ledgers import DAY, HandLedger, write_days


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
    assert all(str(player) in signal.seen for player in farm.accounts[1:])
    assert not any(name in signal.seen for name in names), "another player's name is not part of the evidence"
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
