"""The product's configuration of gunicorn with gunicorn's own way to read requests and to write answers."""

from __future__ import annotations

import runpy
from typing import Any

from gunicorn import http
from gunicorn.http import wsgi

_own = http.RequestParser, wsgi.create, wsgi.Response
_product = runpy.run_path("deploy/gunicorn.conf.py")
globals().update({name: value for name, value in _product.items() if not name.startswith("_")})


def post_worker_init(worker: Any) -> None:
    """Configure the worker as the product does, and undo what is compared."""
    _product["post_worker_init"](worker)
    http.RequestParser, wsgi.create, wsgi.Response = _own
