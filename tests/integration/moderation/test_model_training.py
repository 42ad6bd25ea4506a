"""The learned model on a real ledger: it opens cases, and refuses nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from anticheat.rules import Signal
from app.containers.container import Container
from app.containers.moderation import thresholds_of
from app.errors import Conflict, NotFound
from app.services.moderation.decisions import DecisionAuthor
from app.settings import Settings
from app.stores.moderation.play_history import play_ledger
from devstack.stack import Stack
from tests.integration.conftest import copy_database, database_copy, url_of
from tests.integration.moderation.ledgers import DAY, HandLedger, write_days


class Town:
    """A hundred people over ten days, and a script that plays around the clock on the last one.

    The model's clock stands still: between two trainings no hour begins.
    """

    def __init__(self, container: Container) -> None:
        ledger = HandLedger(container)
        self.now = now = datetime.now(UTC)
        self.until = (now - timedelta(minutes=2)).replace(minute=0, second=0, microsecond=0)
        self.people = write_days(ledger, 105, 10, self.until)
        self.script = ledger.player()
        rng = random.Random(2)
        ledger.write_stretches([(self.script, self.until - DAY, [rng.uniform(40, 60) for _ in range(1700)])])


@pytest.fixture(scope="module")
def built(servers: Stack, migrated: str) -> tuple[str, Town]:
    """Return the name of a database that has the town, and the town: seconds of work, to be copied."""
    name = copy_database(servers, migrated)
    container = Container(Settings.from_env(servers.env).model_copy(update={"database_url": url_of(servers, name)}))
    town = Town(container)
    container.close()
    return name, town


@pytest.fixture(scope="module")
def with_model(servers: Stack, built: tuple[str, Town], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a database with the town and a model that was trained on it."""
    name, town = built
    name = copy_database(servers, name)
    settings = Settings.from_env(servers.env).model_copy(update={"database_url": url_of(servers, name)})
    container = Container(
        settings.model_copy(update={"audit_anchors": str(tmp_path_factory.mktemp("trained") / "audit-anchors")})
    )
    container.clock = town.now.timestamp
    container.model_training.train()
    container.close()
    return name


@pytest.fixture
def database(servers: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a copy of the database that the test's fixtures ask for."""
    if "trained" in request.fixturenames:
        template = request.getfixturevalue("with_model")
    elif "town" in request.fixturenames:
        template, _ = request.getfixturevalue("built")
    else:
        template = request.getfixturevalue("migrated")
    with database_copy(servers, template) as url:
        yield url


@pytest.fixture
def town(container: Container, built: tuple[str, Town]) -> Town:
    _, town = built
    container.clock = town.now.timestamp
    return town


@pytest.fixture
def trained(town: Town) -> Town:
    """Return the town, with model 1 trained and active."""
    return town


def _signals(container: Container) -> Sequence[Any]:
    return container.database.rows("SELECT player_id, rule, seen, expected, added, source FROM signals ORDER BY id")


def _acts(container: Container) -> list[tuple[str, str]]:
    return [(row.act, row.subject) for row in container.database.rows("SELECT act, subject FROM audit_log ORDER BY id")]


def test_it_finds_the_script_says_why_and_adds_to_the_suspicion(container: Container, trained: Town) -> None:
    model = container.model_training.facts(1)
    assert (model["state"], model["players"], model["window_until"]) == ("active", 106, trained.until)
    assert model["numbers"]["expected"] == container.settings.model_false_cases
    assert 0 < model["numbers"]["own_share"] < 1
    judged = container.model_training.judge()
    assert judged is not None
    assert (judged.players, [case.player_id for case in judged.cases]) == (106, [trained.script])
    (file,) = container.cases.case_files_of(trained.script)
    assert (file.case.state, file.case.status) == ("open", "active")
    assert file.case.starts_at is not None
    assert file.case.starts_at <= trained.until - DAY, "what it redeemed in that day is in question"
    assert {signal.source for signal in file.signals} == {"model"}
    assert "played unlike other players" in file.summary
    assert "by the model shipped with Fairboard, to " in file.summary
    assert ", since only 106 players have played enough to learn from" in file.summary
    assert "as 1 of 1,000 honest player-weeks may be" in file.summary
    assert "more than 18 hours of play in a day (an absolute limit)" in file.summary
    assert container.suspicions.get(str(trained.script)).value == container.settings.anticheat_flag
    assert sum(row.added for row in _signals(container)) == container.settings.anticheat_flag
    assert {row.player_id for row in _signals(container)} == {trained.script}
    assert container.audit.verify() is not None

    container.clock = (trained.now + timedelta(hours=1)).timestamp
    again = Container(container.settings, clock=(trained.now + timedelta(hours=1)).timestamp)
    repeated = again.model_training.judge()
    again.close()
    assert repeated is not None
    assert (repeated.signals, repeated.cases) == (0, []), "the same finding is evidence once a day"
    assert container.review.review_again(trained.until - DAY, player_id=trained.script).cases == []


def test_soft_evidence_of_the_model_and_of_the_rules_is_one_suspicion(container: Container, trained: Town) -> None:
    at, thresholds = trained.now.timestamp(), thresholds_of(container.settings)
    with container.database.transaction() as connection:
        pattern = Signal("pattern", "", "", 20.0)
        container.suspicions.add(connection, str(trained.script), [pattern], at, thresholds)
    container.moderation.remember(trained.script, container.suspicions.get(str(trained.script)))
    container.model_training.judge()
    suspicion = container.suspicions.get(str(trained.script))
    assert suspicion.value == suspicion.soft == 50.0
    key = f"suspicion:{{{trained.script}}}"
    assert str(container.redis.get(key)).split("|")[0] == "50.0", "the next redemption knows"


def test_only_players_that_were_active_are_judged(container: Container, trained: Town) -> None:
    judged = container.model_training.judge(active=timedelta(hours=1))
    assert judged is not None
    assert judged.players < 20
    assert [case.player_id for case in judged.cases] == [trained.script]


def test_a_model_does_not_learn_from_players_in_a_case(container: Container, town: Town) -> None:
    with container.database.transaction() as connection:
        container.suspicions.open_case(connection, str(town.script), half_life=1800, hold=False)
    container.moderation.suspend(town.people[0], "r")
    model = container.model_training.train()
    assert model["players"] == 104
    assert container.model_training.verify(model["version"]) == []
    file = container.cases.case_files_of(town.script)[0]
    container.decisions.decide(file.case.case_id, "cleared", DecisionAuthor("cli:tests", "a relay team", "r"))
    assert container.model_training.train()["players"] == 105
    assert container.model_training.verify(model["version"]) == [], "it learned from what was known then"


def test_one_player_can_be_assessed_at_any_moment(container: Container, trained: Town) -> None:
    assessment = container.model_training.assess(trained.script)
    assert assessment.score >= assessment.threshold
    assert assessment.until == trained.now
    ordinary = container.model_training.assess(trained.people[0])
    assert ordinary.score < ordinary.threshold
    assert container.database.rows("SELECT * FROM suspicion") == []
    stranger = HandLedger(container).player()
    with pytest.raises(NotFound, match="There are fewer than 30 completions of this player in the last week"):
        container.model_training.assess(stranger)


def test_the_same_time_gives_the_same_model(container: Container, trained: Town) -> None:
    first, second = container.model_training.facts(1), container.model_training.train()
    assert first["digest"] == second["digest"]
    assert [row["state"] for row in container.model_training.all()] == ["active", "retired"]
    assert container.model_training.verify(second["version"]) == []
    container.database.rows("UPDATE models SET artifact = artifact || '\\x00' WHERE version = 1 RETURNING version")
    assert container.model_training.verify(1) == ["the stored model is not the one that was trained"]
    ledger = HandLedger(container)  # only a restored backup can change a ledger's past
    write_days(ledger, 1, 1, trained.until)
    (wrong,) = container.model_training.verify(second["version"])
    assert "changed since then: the ledger of that time" in wrong


def test_what_a_person_cleared_the_model_leaves_alone(container: Container, trained: Town) -> None:
    container.model_training.judge()
    (file,) = container.cases.case_files_of(trained.script)
    by = DecisionAuthor("cli:tests", "a relay team", "r")
    container.decisions.decide(file.case.case_id, "cleared", by)
    container.database.rows("DELETE FROM signals WHERE at < now() - interval '1 day' RETURNING id")
    container.database.rows("UPDATE signals SET at = at - interval '6 hours' RETURNING id")
    judged = container.model_training.judge()
    assert judged is not None
    assert (judged.signals, judged.cases) == (0, [])


def test_what_a_model_learned_from_decisions_can_be_read_after_they_are_undone(
    container: Container, trained: Town
) -> None:
    container.model_training.judge()
    (file,) = container.cases.case_files_of(trained.script)
    by, case_id = DecisionAuthor("cli:tests", "a relay team", "r"), file.case.case_id
    container.decisions.decide(case_id, "cleared", by)
    with play_ledger(container.database) as ledger:
        assert ledger.verdicts() == {case_id: False}
    container.decisions.undo(case_id, by)
    with play_ledger(container.database) as ledger:
        assert ledger.verdicts() == {}
        assert [(case.case_id, case.player_id) for case in ledger.cases([case_id])] == [(case_id, trained.script)]


def test_clearing_a_case_of_the_model_is_no_immunity(container: Container, trained: Town) -> None:
    """What the script has played since the decision is new; what it played before is not."""
    decided_at = trained.until - timedelta(hours=14)
    by = DecisionAuthor("cli:tests", "a relay team", "r")
    for times in (1, 2):
        judged = container.model_training.judge()
        assert judged is not None
        assert [case.player_id for case in judged.cases] == [trained.script]
        file = container.cases.case_files_of(trained.script)[0]
        if times == 2:
            assert file.case.starts_at == decided_at, "what was cleared is not in question again"
        container.decisions.decide(file.case.case_id, "cleared", by)
        for statement in (
            "UPDATE cases SET decided_at = :at RETURNING id",
            "UPDATE suspicion SET cleared_at = :at RETURNING player_id",
        ):
            container.database.rows(statement, at=decided_at)
        container.database.rows("UPDATE signals SET at = at - interval '1 hour' * :times RETURNING id", times=times)
    assert container.suspicions.forgiven(str(trained.script)) == {"model"}
    judged = container.model_training.judge()
    assert judged is not None
    assert judged.cases == [], "a kind of evidence that was cleared twice counts a fraction"


def test_a_damaged_model_judges_nobody_and_says_what_to_do(container: Container, trained: Town) -> None:
    container.database.rows("UPDATE models SET artifact = '\\x00' RETURNING version")
    for act in (container.model_training.judge, lambda: container.model_training.activate(1)):
        with pytest.raises(Conflict, match="Model 1 can't be used: the stored model is not the one"):
            act()
    assert _signals(container) == []
    assert container.model_training.train()["version"] == 2
    judged = container.model_training.judge()
    assert judged is not None
    assert len(judged.cases) == 1


def test_a_model_can_be_chosen_and_none_can(container: Container, trained: Town) -> None:
    container.model_training.train(days=10)
    container.model_training.activate(1, by="cli:tests", request_id="r")
    assert container.model_training.retire(by="cli:tests", request_id="r") == 1
    assert container.model_training.judge() is None
    with pytest.raises(NotFound, match="No model is active"):
        container.model_training.assess(trained.script)
    assert (
        container.model_training.assess(trained.script, 2).score
        > container.model_training.assess(trained.people[0], 2).score
    )
    with pytest.raises(NotFound, match="There is no model 9"):
        container.model_training.activate(9)
    acts = [("model.trained", "model:1"), ("model.trained", "model:2")]
    assert _acts(container) == [*acts, ("model.activated", "model:1"), ("model.retired", "model:1")]


def test_with_few_players_the_shipped_model_judges(container: Container) -> None:
    ledger, until = HandLedger(container), datetime.now(UTC) - timedelta(minutes=2)
    until = until.replace(minute=0, second=0, microsecond=0)
    write_days(ledger, 3, 2, until)
    script = ledger.player()
    ledger.write_stretches([(script, until - DAY, [50.0] * 1700)])
    assert container.model_training.judge() is None
    model = container.model_training.train()
    assert (model["state"], model["numbers"]["own_share"]) == ("active", 0.0)
    judged = container.model_training.judge()
    assert judged is not None
    assert [case.player_id for case in judged.cases] == [script]
    (file,) = container.cases.case_files_of(script)
    assert "by the model shipped with Fairboard, since only 4 players have played enough" in file.summary
