"""The services of the app that serves a request."""

from __future__ import annotations

from flask import current_app

from app.containers.container import Container


def container() -> Container:
    """Return the container of the app that serves this request."""
    app_container: Container = current_app.extensions["fairboard"]
    return app_container
