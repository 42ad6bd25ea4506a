"""The floor under a read: one Flask route that answers a constant, on the same gunicorn configuration."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from flask import Flask, Response

from devstack.apps import Web

PATH = "/bare"

app = Flask("bare")
# The configuration's hook tells the push tier when its worker stops; this app has no push tier.
app.extensions["fairboard.ws"] = SimpleNamespace()


@app.get(PATH)
def bare() -> Response:
    """Return a tiny piece of JSON."""
    return Response('{"ok":true}', mimetype="application/json")


class BareWeb(Web):
    """gunicorn as the product runs it, with the bare app."""

    name = "bare web"

    def command(self) -> list[str]:
        """Return the product's command line, but for the app."""
        return [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "bench.bare:app"]

    def answers(self) -> bool:
        """Return whether it serves the route."""
        return self._status(PATH) == 200
