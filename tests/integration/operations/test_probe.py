"""The doctor's process calls workers again and again only where one may answer."""

from __future__ import annotations

from devstack.stack import Stack
from workers.broker import broker_connection, plain_app
from workers.probe import has_listeners


def test_redis_as_the_broker_knows_of_workers_that_run(servers: Stack) -> None:
    url = servers.env["BROKER_URL"]
    app = plain_app(url)
    with broker_connection(url, 5) as connection, connection.channel() as channel:
        assert not has_listeners(connection, app)
        consumer = app.control.mailbox.Node("a-worker@here", channel=channel).listen(channel=channel)
        assert has_listeners(connection, app)
        consumer.cancel()
        consumer.queues[0](channel).delete()
        assert not has_listeners(connection, app)
    app.close()
