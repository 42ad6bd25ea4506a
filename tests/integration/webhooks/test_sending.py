"""Sending to real receivers: signatures, retries, receivers that fail or hang, replays, and senders that die."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest
from standardwebhooks import WebhookVerificationError

from app.containers.container import Container
from app.services.operations.webhook_sender import WebhookSender
from app.stores.operations.webhook_calls import ReceiverCaller
from app.stores.operations.webhook_deliveries import CallResult, Outcome
from tests.integration.webhooks.conftest import Hooks
from tests.parts.receiver import Receiver, status


def _test(hooks: Hooks, webhook_id: UUID, times: int = 1) -> list[str]:
    """Send test events; return their ids."""
    return [str(hooks.container.webhooks.test(webhook_id, by="cli:tests", request_id="r")) for _ in range(times)]


def _sender(hooks: Hooks, *, seconds: float) -> WebhookSender:
    """Return a sender that gives receivers less time."""
    caller = ReceiverCaller(private=True, seconds=seconds)
    clock = hooks.container.clock
    return WebhookSender(hooks.container.webhook_deliveries, caller.post, draw=lambda: 0.5, clock=clock)


def test_an_event_is_signed_and_every_attempt_is_on_record(hooks: Hooks, receiver: Receiver) -> None:
    shown = hooks.create(receiver.url)
    (event_id,) = _test(hooks, shown.webhook.id)
    receiver.answers.append(status(500, "not now"))
    assert hooks.send() == {"refused": 1}
    assert hooks.send() == {}, "there is a pause"
    (delivery,) = hooks.container.webhooks.deliveries(shown.webhook.id, limit=9).deliveries
    assert (delivery.state, delivery.next_attempt_at is None) == ("waiting", False)
    assert hooks.container.webhooks.get(shown.webhook.id).failing_since
    hooks.hasten()
    assert hooks.send() == {"delivered": 1}
    first, second = receiver.calls
    assert first.event(shown.secret) == second.event(shown.secret)
    assert (first.body, first.event_id) == (second.body, event_id)
    assert first.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        second.event("whsec_" + "A" * 44)
    (delivery,) = hooks.container.webhooks.deliveries(shown.webhook.id, limit=9).deliveries
    assert (delivery.state, delivery.next_attempt_at) == ("delivered", None)
    assert [(row.status, row.error, row.answer) for row in delivery.attempts] == [
        (500, "refused", "not now"),
        (204, None, ""),
    ]
    assert hooks.container.webhooks.get(shown.webhook.id).failing_since is None


def test_while_a_secret_is_rotated_both_sign(hooks: Hooks, receiver: Receiver) -> None:
    first = hooks.create(receiver.url)
    webhooks, webhook_id = hooks.container.webhooks, first.webhook.id
    second = webhooks.rotate(webhook_id, by="cli:tests", request_id="r")
    assert second.webhook.previous_until
    _test(hooks, webhook_id)
    hooks.send()
    third = webhooks.rotate(webhook_id, 0, by="cli:tests", request_id="r")
    assert third.webhook.previous_until is None
    _test(hooks, webhook_id)
    hooks.send()
    both, newest = receiver.calls
    assert both.event(first.secret) == both.event(second.secret)
    assert newest.event(third.secret)
    with pytest.raises(WebhookVerificationError):
        newest.event(second.secret)


def test_a_receiver_that_hangs_delays_no_other(hooks: Hooks, receiver: Receiver, other_receiver: Receiver) -> None:
    """The slow receiver's calls end only when the quick one has had everything."""
    slow, quick = hooks.create(receiver.url).webhook, hooks.create(other_receiver.url).webhook
    _test(hooks, slow.id, 30)
    _test(hooks, quick.id, 30)
    caller, all_taken, waits = ReceiverCaller(private=True), threading.Event(), []

    def post(url: str, headers: Mapping[str, str], body: str) -> CallResult:
        if url == receiver.url:
            waits.append(all_taken.wait(30))
            return CallResult(10_000, None, "timeout")
        result = caller.post(url, headers, body)
        if len(other_receiver.calls) == 30:
            all_taken.set()
        return result

    clock = hooks.container.clock
    sender = WebhookSender(hooks.container.webhook_deliveries, post, draw=lambda: 0.5, clock=clock)
    assert sender.send(20) == {"delivered": 30, "timeout": 30}
    assert waits == [True] * 30
    assert hooks.states(quick.id) == ["delivered"] * 30
    assert hooks.states(slow.id) == ["waiting"] * 30, "nothing is lost"


def test_a_receiver_that_fails_gets_one_call_at_a_time_and_all_that_waits_once_it_is_back(
    hooks: Hooks, receiver: Receiver
) -> None:
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id, 20)
    store = hooks.container.webhook_deliveries
    claimed = store.claim()
    assert len(claimed) == 8
    assert store.claim() == [], "they are leased"
    refused = CallResult(1, 500, "refused")
    store.record([Outcome(delivery, refused, 3600) for delivery in claimed])
    (delivery,) = store.claim()
    store.record([Outcome(delivery, refused, 3600)])
    assert hooks.send() == {"delivered": 20}, "one is taken, and the others follow at once"


def test_a_delivery_is_given_up_after_three_days_and_can_be_replayed(hooks: Hooks, receiver: Receiver) -> None:
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id, 3)
    receiver.answers = [status(500)] * 9
    hooks.send()
    (first, *_) = hooks.container.webhooks.deliveries(webhook.id, limit=1).deliveries
    hooks.container.database.rows("UPDATE webhook_deliveries SET give_up_at = now() + interval '1 s' RETURNING id")
    hooks.hasten()
    hooks.send()
    (delivery, *_) = hooks.container.webhooks.deliveries(webhook.id, limit=1).deliveries
    assert delivery.next_attempt_at is not None
    assert delivery.next_attempt_at < first.created_at + timedelta(minutes=1), "the last attempt is at the end"
    hooks.container.database.rows("UPDATE webhook_deliveries SET give_up_at = now() RETURNING id")
    hooks.hasten()
    hooks.send()
    assert hooks.states(webhook.id) == ["failed"] * 3
    hooks.hasten()
    assert hooks.send() == {}
    webhooks = hooks.container.webhooks
    assert webhooks.replay(webhook.id, first.id, by="cli:tests", request_id="r").state == "waiting"
    assert webhooks.replay_failed(webhook.id, by="cli:tests", request_id="r") == 2
    receiver.answers.clear()
    assert hooks.send() == {"delivered": 3}
    assert webhooks.replay(webhook.id, first.id, by="cli:tests", request_id="r").finished_at is None
    assert hooks.send() == {"delivered": 1}, "one that was delivered, too"
    assert receiver.calls[-1].event_id == str(first.event_id)


def test_a_delivery_whose_sender_died_is_sent_again(hooks: Hooks, receiver: Receiver) -> None:
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id)
    assert len(hooks.container.webhook_deliveries.claim()) == 1
    assert hooks.send() == {}
    hooks.container.database.rows("UPDATE webhook_deliveries SET leased_until = now() RETURNING id")
    assert hooks.send() == {"delivered": 1}


def test_one_process_sends_at_a_time(hooks: Hooks, receiver: Receiver, container: Container) -> None:
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id)
    with container.webhook_deliveries.only_sender() as is_held:
        assert is_held
        assert hooks.send() == {}
    assert hooks.send() == {"delivered": 1}
    with container.webhook_deliveries.only_sender() as is_held:
        assert is_held, "it was given back"


def test_a_timeout_and_a_redirect_to_a_private_address_are_failures(hooks: Hooks, receiver: Receiver) -> None:
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id, 2)
    receiver.answers = [status(302, Location="http://169.254.169.254/latest/meta-data"), receiver.hang]
    assert _sender(hooks, seconds=0.3).send(10) == {"redirect": 1, "timeout": 1}
    assert len(receiver.calls) == 2
    assert hooks.states(webhook.id) == ["waiting"] * 2


def test_an_address_that_became_private_is_not_called(hooks: Hooks, receiver: Receiver, container: Container) -> None:
    """The webhook exists already, as when its name was changed to lead elsewhere, or the setting was turned off."""
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id)
    assert dict(container.webhook_sender.send(10)) == {"private_address": 1}
    (delivery,) = container.webhooks.deliveries(webhook.id, limit=9).deliveries
    assert [attempt.error for attempt in delivery.attempts] == ["private_address"]
    assert receiver.calls == []


def test_a_webhook_that_is_off_or_deleted_gets_nothing(hooks: Hooks, receiver: Receiver) -> None:
    webhooks = hooks.container.webhooks
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id)
    webhooks.change(webhook.id, {"enabled": False}, by="cli:tests", request_id="r")
    assert hooks.send() == {}
    webhooks.change(webhook.id, {"enabled": True}, by="cli:tests", request_id="r")
    assert hooks.send() == {"delivered": 1}
    _test(hooks, webhook.id)
    webhooks.delete(webhook.id, by="cli:tests", request_id="r")
    assert hooks.send() == {}
    assert webhooks.all() == []
    (row,) = hooks.container.database.rows("SELECT secret, previous_secret FROM webhooks")
    assert (row.secret, row.previous_secret) == ("", None)


def test_old_deliveries_are_pruned_with_their_attempts(hooks: Hooks, receiver: Receiver) -> None:
    webhook = hooks.create(receiver.url).webhook
    _test(hooks, webhook.id, 2)
    hooks.send()
    hooks.container.database.rows(
        "UPDATE webhook_deliveries SET created_at = now() - interval '31 days' "
        "WHERE id = (SELECT id FROM webhook_deliveries LIMIT 1) RETURNING id"
    )
    assert hooks.container.webhook_deliveries.prune() == 1
    assert len(hooks.container.database.rows("SELECT FROM webhook_attempts")) == 1
    assert hooks.states(webhook.id) == ["delivered"]
