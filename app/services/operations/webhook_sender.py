"""The sending of webhooks: every delivery that is due is posted, and every attempt recorded."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

from app.domain.webhooks import AT_ONCE, MOST_WEBHOOKS, pause_after
from app.stores.operations.webhook_deliveries import CallResult, ClaimedDelivery, Outcome, WebhookDeliveryStore

Post = Callable[[str, Mapping[str, str], str], CallResult]

# All receivers may hang at the same time, each with all the calls that it gets, and none waits for another's.
_THREADS = AT_ONCE * MOST_WEBHOOKS
_LOOK_SECONDS = 0.5


class WebhookSender:
    """Posts the deliveries that are due. One process does so at a time, since a receiver's share is of all its calls.

    Threads wait for receivers; the thread that runs `send` alone works on the database.
    """

    def __init__(
        self,
        store: WebhookDeliveryStore,
        post: Post,
        *,
        draw: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._store, self._post, self._draw, self._clock = store, post, draw, clock

    def send(self, seconds: float) -> Mapping[str, int]:
        """Send until nothing is due or on its way, for `seconds` at most; return the counts of outcomes.

        The outcomes are `delivered` and the kinds of errors. Another process may send as soon as the time is over,
        while this one waits for the last answers. A delivery whose outcome could not be stored is sent again.
        """
        outcomes: Counter[str] = Counter()
        calls: dict[Future[CallResult], ClaimedDelivery] = {}
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook") as threads:
            with self._store.only_sender() as may_send:
                until = time.monotonic() + seconds
                while may_send and time.monotonic() < until:
                    for claimed in self._store.claim():
                        calls[threads.submit(self._call, claimed)] = claimed
                    if not calls:
                        break
                    self._collect(calls, outcomes)
            while calls:
                self._collect(calls, outcomes)
        return outcomes

    def _call(self, claimed: ClaimedDelivery) -> CallResult:
        now = datetime.fromtimestamp(int(self._clock()), UTC)
        event_id = str(claimed.event_id)
        signatures = [Signer(secret).sign(event_id, now, claimed.payload) for secret in claimed.secrets]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Fairboard-Webhooks",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        return self._post(claimed.url, headers, claimed.payload)

    def _collect(self, calls: dict[Future[CallResult], ClaimedDelivery], outcomes: Counter[str]) -> None:
        """Record the calls that have ended; wait for one of them, but not long: more may be due."""
        ended, _ = wait(calls, _LOOK_SECONDS, FIRST_COMPLETED)
        if ended:
            claims = [(calls.pop(call), call.result()) for call in ended]
            self._store.record(
                [Outcome(claimed, result, pause_after(claimed.tries + 1, self._draw())) for claimed, result in claims]
            )
            outcomes.update(result.error or "delivered" for _, result in claims)
