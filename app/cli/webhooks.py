"""`flask webhooks`: events sent to the servers of others."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import click

from app.cli.commands import Commands, as_json, container, example
from app.cli.confirmation import confirm_on_terminal, yes_option
from app.cli.identity import operator, request_id
from app.cli.ids import find_delivery, find_webhook
from app.cli.numbers import WholeNumberRange
from app.cli.output import emit, facts, print_message, table
from app.domain.quantities import quantity
from app.domain.webhook_events import EVENT_TYPES, readable
from app.domain.webhooks import DELIVERY_STATES, GRACE_SECONDS, MOST_GRACE_SECONDS, Delivery, DeliveryState, Webhook
from app.services.operations.webhooks import ShownSecret, WebhookFields
from app.tables import safe

_COLUMNS = ("id", "url", "events", "boards", "enabled", "failing_since")
_DELIVERY_COLUMNS = ("id", "type", "state", "created_at", "attempts", "last", "next_attempt_at")
_SHOWN_ONCE = "The secret is shown this once. Give it to the receiver, which proves each event with it."

_EVENT_HELP = "A type of event; give it once for each."
_event = partial(click.option, "--event", "events", type=click.Choice(EVENT_TYPES), multiple=True, help=_EVENT_HELP)
_board = click.option("--board", "boards", multiple=True, help="A board; give it once for each. Without any: all.")


@click.group(cls=Commands)
def webhooks() -> None:
    """Send events to other servers, signed as Standard Webhooks. WEBHOOK is its id or URL."""


def _row(webhook: Webhook) -> dict[str, object]:
    return asdict(webhook)


def _show(issued: ShownSecret, heading: str, as_json: bool) -> None:
    values = {**_row(issued.webhook), "secret": issued.secret}
    emit(values, f"{heading}\n{facts({'secret': issued.secret})}", as_json=as_json)
    print_message(_SHOWN_ONCE)


@webhooks.command(epilog=example("webhooks create https://example.org/hook --event record.set --board main"))
@click.argument("url")
@_event(required=True)
@_board
@as_json
def create(url: str, events: tuple[str, ...], boards: tuple[str, ...], as_json: bool) -> None:
    """Create a webhook, and show its secret, this once."""
    issued = container().webhooks.create(url, events, boards, by=operator(), request_id=request_id())
    _show(issued, f"Created the webhook {issued.webhook.id}.", as_json)


@webhooks.command("list", epilog=example("webhooks list"))
@as_json
def list_webhooks(as_json: bool) -> None:
    """List all webhooks, without their secrets."""
    rows = [_row(webhook) for webhook in container().webhooks.all()]
    emit(rows, table(rows, _COLUMNS) if rows else "There are none.", as_json=as_json)


@webhooks.command(epilog=example("webhooks show https://example.org/hook"))
@click.argument("webhook")
@as_json
def show(webhook: str, as_json: bool) -> None:
    """Show a webhook."""
    values = _row(find_webhook(webhook))
    emit(values, facts(values), as_json=as_json)


@webhooks.command(epilog=example("webhooks change https://example.org/hook --all-boards --on"))
@click.argument("webhook")
@click.option("--url", help="Another address.")
@_event()
@_board
@click.option("--all-boards", is_flag=True, help="Choose all boards.")
@click.option("--on/--off", "enabled", default=None, help="Whether it gets events, and those that wait are sent.")
@as_json
def change(
    webhook: str,
    url: str | None,
    events: tuple[str, ...],
    boards: tuple[str, ...],
    all_boards: bool,
    enabled: bool | None,
    as_json: bool,
) -> None:
    """Change the address, the events or the boards of a webhook, or turn it on or off."""
    fields = WebhookFields()
    if url is not None:
        fields["url"] = url
    if events:
        fields["events"] = events
    if boards and all_boards:
        raise click.UsageError("Give --board or --all-boards.")
    if boards or all_boards:
        fields["boards"] = boards
    if enabled is not None:
        fields["enabled"] = enabled
    if not fields:
        raise click.UsageError("Give something to change.")
    current = find_webhook(webhook)
    changed = container().webhooks.change(current.id, fields, by=operator(), request_id=request_id())
    emit(_row(changed), f"Changed the webhook {changed.id}.\n{facts(_row(changed))}", as_json=as_json)


@webhooks.command(epilog=example("webhooks rotate https://example.org/hook --grace 3600"))
@click.argument("webhook")
@click.option(
    "--grace",
    type=WholeNumberRange(0, MOST_GRACE_SECONDS),
    default=GRACE_SECONDS,
    show_default=True,
    help="Seconds for which the present secret signs too.",
)
@as_json
def rotate(webhook: str, grace: int, as_json: bool) -> None:
    """Give a webhook another secret and show it, this once."""
    current = find_webhook(webhook)
    issued = container().webhooks.rotate(current.id, grace, by=operator(), request_id=request_id())
    _show(issued, f"Rotated the secret of the webhook {current.id}.", as_json)


@webhooks.command(epilog=example("webhooks delete https://example.org/hook"))
@click.argument("webhook")
@yes_option
@as_json
def delete(webhook: str, yes: bool, as_json: bool) -> None:
    """Delete a webhook. Events that wait for it are not sent any more."""
    current = find_webhook(webhook)
    confirm_on_terminal(lambda: f"Delete the webhook {safe(current.url)}, with the events that wait for it?", yes=yes)
    container().webhooks.delete(current.id, by=operator(), request_id=request_id())
    emit({"id": current.id, "deleted": True}, f"Deleted the webhook {current.id}.", as_json=as_json)


@webhooks.command(epilog=example("webhooks test https://example.org/hook"))
@click.argument("webhook")
@as_json
def test(webhook: str, as_json: bool) -> None:
    """Send a test event to a webhook; `flask webhooks deliveries` shows how it went."""
    current = find_webhook(webhook)
    event_id = container().webhooks.test(current.id, by=operator(), request_id=request_id())
    emit({"id": current.id, "event_id": event_id}, f"The event {event_id} is on its way.", as_json=as_json)


@webhooks.command(epilog=example("webhooks deliveries https://example.org/hook --state failed"))
@click.argument("webhook")
@click.option("--state", type=click.Choice(DELIVERY_STATES), help="Only deliveries in this state.")
@click.option("--limit", type=WholeNumberRange(1, 1000), default=20, show_default=True, help="At most so many.")
@as_json
def deliveries(webhook: str, state: DeliveryState | None, limit: int, as_json: bool) -> None:
    """Show the newest deliveries of a webhook, with every attempt in --json. They are kept for 30 days."""
    current = find_webhook(webhook)
    page = container().webhooks.deliveries(current.id, limit=limit, state=state)
    rows = [_summary(delivery) for delivery in page.deliveries]
    data = [{**asdict(delivery), "payload": readable(delivery.payload)} for delivery in page.deliveries]
    emit(data, table(rows, _DELIVERY_COLUMNS) if rows else "There are none.", as_json=as_json)


@webhooks.command(epilog=example("webhooks replay https://example.org/hook --failed"))
@click.argument("webhook")
@click.argument("delivery", required=False)
@click.option("--failed", is_flag=True, help="All deliveries that have failed.")
@as_json
def replay(webhook: str, delivery: str | None, failed: bool, as_json: bool) -> None:
    """Send a delivery once more, or with --failed all that have failed."""
    if failed == (delivery is not None):
        raise click.UsageError("Give a delivery or --failed.")
    service, current = container().webhooks, find_webhook(webhook)
    count = 1
    if delivery is not None:
        service.replay(current.id, find_delivery(delivery), by=operator(), request_id=request_id())
    else:
        count = service.replay_failed(current.id, by=operator(), request_id=request_id())
    emit(
        {"id": current.id, "replayed": count},
        f"{quantity(count, 'delivery', 'deliveries')} on the way again.",
        as_json=as_json,
    )


def _summary(delivery: Delivery) -> dict[str, object]:
    last = delivery.attempts[-1] if delivery.attempts else None
    outcome = None if last is None else safe(" ".join(str(part) for part in (last.status, last.error) if part))
    return {**asdict(delivery), "attempts": len(delivery.attempts), "last": outcome}
