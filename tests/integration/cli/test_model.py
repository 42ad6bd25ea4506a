"""The commands of `flask anticheat model`."""

from __future__ import annotations

from app.containers.container import Container
from tests.integration.cli.conftest import Run, RunJson
from tests.integration.moderation.test_model_training import Town


def test_a_model_is_trained_looked_at_tried_and_chosen(container: Container, run: Run, run_json: RunJson) -> None:
    assert "There is none. Train one" in run("anticheat", "model", "list").stdout
    result = run("anticheat", "model", "judge")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        1,
        "Error: No model is active: train one, or activate one.",
    )
    town = Town(container)
    script = str(town.script)
    name = container.accounts.find(script).username
    printed = run("anticheat", "model", "train", "--days", "10").stdout
    assert "weeks of 106 players" in printed
    assert "with 1 false cases expected in 1,000 player-weeks" in printed
    assert "The model shipped with Fairboard counts 55%: players are few." in printed
    assert "It judges from now on." in printed
    assert run_json("anticheat", "model", "train", "--days", "5")["version"] == 2
    assert [row["state"] for row in run_json("anticheat", "model", "list")] == ["active", "retired"]
    assert "0." in run("anticheat", "model", "list").stdout
    assert run_json("anticheat", "model", "show", "1")["settings"]["false_cases"] == 1.0
    assert "window since" in run("anticheat", "model", "show", "1").stdout
    assert run_json("anticheat", "model", "verify", "1") == {"version": 1, "wrong": []}

    look = run_json("anticheat", "model", "score", script, "--version", "1")
    assert look["score"] >= look["threshold"]
    printed = run("anticheat", "model", "score", script).stdout
    assert "Farthest from others: " in printed
    assert "Absolute limits: more than 18 hours of play in a day" in printed
    assert run_json("anticheat", "cases") == [], "a look opens no case"

    assert "Model 1 judges from now on." in run("anticheat", "model", "activate", "1").stdout
    judged = run_json("anticheat", "model", "judge")
    assert (judged["version"], [case["username"] for case in judged["cases"]]) == (1, [name])
    assert "played unlike other players" in run("anticheat", "show", script).stdout
    assert run_json("anticheat", "cases", "--rule", judged["cases"][0]["features"][0])[0]["username"] == name
    assert [case["username"] for case in run_json("anticheat", "cases", "--rule", "model")] == [name]
    assert run_json("anticheat", "model", "retire", "--yes") == {"retired": 1}
    assert "No model was active." in run("anticheat", "model", "retire", "--yes").stdout

    container.database.rows("UPDATE models SET artifact = '\\x00' WHERE version = 1 RETURNING version")
    wrong = run("anticheat", "model", "verify", "1")
    assert (wrong.exit_code, wrong.stdout) == (1, "the stored model is not the one that was trained\n")
    assert "Model 1 can't be used" in run("anticheat", "model", "activate", "1").stderr
