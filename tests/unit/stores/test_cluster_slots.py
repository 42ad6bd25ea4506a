"""The parts of a `redis+cluster://` URL."""

from __future__ import annotations

import pytest
from redis.connection import SSLConnection

from app.stores.redis.cluster_slots import parse


def test_every_host_is_a_seed_and_the_login_is_for_all() -> None:
    seeds, options = parse("redis+cluster://me:p%40ss@one:7000,two,[::1]:7002/0")
    assert seeds == [("one", 7000), ("two", 6379), ("::1", 7002)]
    assert options == {"username": "me", "password": "p@ss"}


def test_a_password_needs_no_user() -> None:
    assert parse("redis+cluster://:secret@one:7000")[1] == {"password": "secret"}


def test_tls_is_an_option_and_its_own_options_go_with_it() -> None:
    _, options = parse("redis+cluster://one:7000?ssl=true&ssl_ca_certs=/etc/ca.pem")
    assert options == {"connection_class": SSLConnection, "ssl_ca_certs": "/etc/ca.pem"}
    assert parse("redis+cluster://one:7000?ssl=false")[1] == {}


@pytest.mark.parametrize("url", ["redis+cluster://", "redis+cluster://one,,two", "redis+cluster://one:7000/3"])
def test_what_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"wants|database"):
        parse(url)
