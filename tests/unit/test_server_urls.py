"""URLs of servers, some of which name several hosts."""

from __future__ import annotations

import pytest

from app.server_urls import ServerUrl, split_url
from app.settings import BadSetting, Settings
from app.stores.server_addresses import address


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("redis+cluster://one:7000,[::1]:7002/0", ("redis+cluster", "", "one:7000,[::1]:7002", "/0", "")),
        ("redis+cluster://u:p@[::1],two?ssl=true", ("redis+cluster", "u:p", "[::1],two", "", "ssl=true")),
        ("postgresql+psycopg://a:b@c@h1,[::2]:5/db?x=1#f", ("postgresql+psycopg", "a:b@c", "h1,[::2]:5", "/db", "x=1")),
        ("postgresql:///db?host=/run/postgresql", ("postgresql", "", "", "/db", "host=/run/postgresql")),
        ("unix:///run/redis.sock", ("unix", "", "", "/run/redis.sock", "")),
        ("memory://", ("memory", "", "", "", "")),
        ("no url at all", ("", "", "", "no url at all", "")),
        ("", ("", "", "", "", "")),
    ],
)
def test_a_url_has_these_parts(url: str, parts: tuple[str, ...]) -> None:
    assert split_url(url) == ServerUrl(*parts)


def test_what_is_shown_of_a_url_with_several_hosts_has_no_password() -> None:
    assert address("redis+cluster://u:hush@one,[::1]:7002/0") == "redis+cluster://one,[::1]:7002/0"


@pytest.mark.parametrize("hosts", ["one:7000,[::1]:7002", "[::1]:7000,two", "[::1]"])
def test_a_cluster_may_have_ipv6_addresses_anywhere(hosts: str) -> None:
    url = f"redis+cluster://{hosts}"
    assert Settings.from_env({"APP_ENV": "development", "REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("hosts", ["one:7000,[::1", "one,::1]:7", "one,,two"])
def test_what_is_no_address_is_refused(hosts: str) -> None:
    with pytest.raises(BadSetting, match="host:port"):
        Settings.from_env({"APP_ENV": "development", "REDIS_URL": f"redis+cluster://{hosts}"})
