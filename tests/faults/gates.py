"""Gates in the database: they stop the product at a chosen point, so that it can be killed exactly there.

Each is a deferred trigger, which the product doesn't know of: its transaction waits in COMMIT, with everything
written and nothing committed, for as long as the test holds the gate's advisory lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.parts.product import Product
from tests.parts.waiting import eventually


@dataclass(frozen=True)
class Gate:
    """A gate that stops a transaction with an `event` on `table` before it commits."""

    number: int
    event: str
    table: str


SCORED = Gate(4711, "INSERT", "score_events")
DELIVERED = Gate(4712, "DELETE", "outbox")


def build(product: Product) -> None:
    """Create the gates, open."""
    with product.database() as connection:
        connection.execute(
            """CREATE FUNCTION test_gate() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::bigint); RETURN NULL; END $$"""
        )
        for gate in (SCORED, DELIVERED):
            connection.execute(
                f"""CREATE CONSTRAINT TRIGGER test_gate AFTER {gate.event} ON {gate.table}
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_gate('{gate.number}')"""
            )


class ShutGate:
    """A gate that is shut; transactions may stand before it."""

    def __init__(self, product: Product, condition: str) -> None:
        self._product, self._condition = product, condition

    def _waiting(self) -> list[int]:
        with self._product.database() as connection:
            rows = connection.execute(
                f"""SELECT pid FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE NOT granted
                    AND {self._condition}) AND datname = current_database()"""
            ).fetchall()
        return [row[0] for row in rows]

    def wait_for_transaction(self) -> None:
        """Wait until a transaction stands before the gate."""
        eventually(self._waiting)

    def turn_away(self) -> None:
        """End the waiting transactions without a commit, as the database does in the end when a client has died."""
        with self._product.database() as connection:
            for pid in self._waiting():
                connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        eventually(lambda: not self._waiting())


@contextmanager
def shut(product: Product, gate: Gate) -> Iterator[ShutGate]:
    """Hold a gate shut."""
    with product.database() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [gate.number])
        yield ShutGate(product, f"locktype = 'advisory' AND objid = {gate.number}")


@contextmanager
def standing_locked(product: Product, user_id: str) -> Iterator[ShutGate]:
    """Hold the row of a player's standing: a redemption waits in its first write."""
    with product.database(autocommit=False) as connection:
        connection.execute("SELECT 1 FROM standings WHERE player_id = %s FOR UPDATE", [user_id])
        yield ShutGate(product, "locktype IN ('transactionid', 'tuple')")
        connection.rollback()
