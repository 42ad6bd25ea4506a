"""Celery's side: the app, its tasks and the relay. Imports nothing that counts before it is said where."""

from contextlib import suppress

from app.settings import BadSetting, Settings, share_metrics

with suppress(BadSetting):  # workers.app says which one, in one line
    share_metrics(Settings.from_env())
