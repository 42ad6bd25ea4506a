"""`flask webhooks`."""

from __future__ import annotations

from uuid import uuid4

from tests.integration.cli.conftest import Run, RunJson

URL = "https://1.1.1.1/hook"  # no test sends anything to it
CREATE = ("webhooks", "create", URL, "--event", "record.set")


def test_a_webhook_is_made_changed_rotated_tested_and_deleted(run: Run, run_json: RunJson) -> None:
    assert run("webhooks", "list").stdout == "There are none.\n"
    created = run(*CREATE, "--board", "main")
    assert created.exit_code == 0, created.output
    secret = created.stdout.split()[-1]
    assert secret.startswith("whsec_")
    assert "shown this once" in created.stderr
    (listed,) = run_json("webhooks", "list")
    assert (listed["url"], listed["events"], listed["boards"]) == (URL, ["record.set"], ["main"])
    assert run_json("webhooks", "show", listed["id"]) == run_json("webhooks", "show", URL) == listed
    assert secret not in run("webhooks", "list").stdout + run("webhooks", "show", URL).stdout
    changed = run_json("webhooks", "change", URL, "--all-boards", "--off", "--event", "case.opened")
    assert (changed["boards"], changed["enabled"], changed["events"]) == ([], False, ["case.opened"])
    assert "is off" in run("webhooks", "test", URL).stderr
    assert run_json("webhooks", "change", URL, "--on")["enabled"] is True
    assert run_json("webhooks", "rotate", URL, "--grace", "60")["secret"] != secret
    assert run("webhooks", "deliveries", URL).stdout == "There are none.\n"
    event_id = run_json("webhooks", "test", URL)["event_id"]
    (delivery,) = run_json("webhooks", "deliveries", URL, "--state", "waiting")
    assert (delivery["event_id"], delivery["payload"]["type"]) == (event_id, "webhook.test")
    assert "webhook.test" in run("webhooks", "deliveries", URL).stdout
    assert run_json("webhooks", "replay", URL, delivery["id"])["replayed"] == 1
    assert run_json("webhooks", "replay", URL, "--failed")["replayed"] == 0
    assert run_json("webhooks", "delete", URL)["deleted"] is True
    assert run_json("webhooks", "list") == []


def test_mistakes_are_told_in_one_line(run: Run) -> None:
    assert run("webhooks", "show", "nothing").output == "Error: There is no such webhook.\n"
    assert run("webhooks", "create", URL).exit_code == 2
    refused = run("webhooks", "create", "https://10.0.0.1/", "--event", "record.set")
    assert refused.output == (
        "Error: URL leads to an address that is not on the public internet; the setting "
        "WEBHOOK_PRIVATE_ADDRESSES=on allows private addresses\n"
    )
    assert "--board has 'x'" in run(*CREATE, "--board", "x").output
    for _ in range(2):
        assert run(*CREATE).exit_code == 0
    assert "Name one by its id" in run("webhooks", "delete", URL).output
    for line in (["change", URL], ["replay", URL], ["replay", URL, str(uuid4()), "--failed"]):
        assert run("webhooks", *line).exit_code == 2, line
    assert run("webhooks", "change", URL, "--board", "main", "--all-boards").exit_code == 2
