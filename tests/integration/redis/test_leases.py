"""A lease has one holder, who can renew and release only the own one, on a single node and on a cluster."""

from __future__ import annotations

import pytest

from app.containers.container import Container
from app.stores.redis.cluster import ClusterClient
from app.stores.redis.leases import Lease
from tests.parts.kinds import ON_BOTH

pytestmark = ON_BOTH

_KEY, _SECONDS = "leases:{test}", 60.0


@pytest.fixture
def leases(container: Container) -> tuple[Lease, Lease]:
    """Return the leases of two callers on the same key."""
    return Lease(container.scripts, _KEY, _SECONDS), Lease(container.scripts, _KEY, _SECONDS)


def test_the_holder_renews_the_lease_and_another_caller_does_not_get_it(
    container: Container, leases: tuple[Lease, Lease]
) -> None:
    holder, rival = leases
    assert holder.hold()
    container.redis.pexpire(_KEY, 5000)
    assert not rival.hold()
    assert container.redis.pttl(_KEY) <= 5000, "a refused caller prolongs nothing"
    assert holder.hold()
    assert container.redis.pttl(_KEY) > 5000


def test_a_late_holder_releases_nothing_of_the_next(container: Container, leases: tuple[Lease, Lease]) -> None:
    late, holder = leases
    assert late.hold()
    container.redis.delete(_KEY)  # as at its end
    assert holder.hold()
    late.release()
    assert not late.hold()
    holder.release()
    assert late.hold()


def test_a_lease_from_before_the_clock_was_set_back_counts_as_expired(
    container: Container, leases: tuple[Lease, Lease]
) -> None:
    holder, rival = leases
    assert holder.hold()
    container.redis.expire(_KEY, 3600)
    assert rival.hold()
    assert container.redis.pttl(_KEY) <= 1000 * _SECONDS


def test_a_lost_script_cache_changes_nothing(container: Container, leases: tuple[Lease, Lease]) -> None:
    holder, rival = leases
    assert holder.hold()
    _flush_scripts(container)
    assert not rival.hold()
    _flush_scripts(container)
    holder.release()
    assert rival.hold()


def test_a_value_of_another_program_counts_as_lost(container: Container, leases: tuple[Lease, Lease]) -> None:
    holder, rival = leases
    container.redis.rpush(_KEY, "by another program")
    assert holder.hold()
    assert not rival.hold()
    holder.release()
    assert container.redis.exists(_KEY) == 0


def _flush_scripts(container: Container) -> None:
    client = container.redis
    if isinstance(client, ClusterClient):
        client.direct.call_all_masters("SCRIPT FLUSH")
    else:
        client.script_flush()
