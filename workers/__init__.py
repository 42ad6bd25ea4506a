"""Celery's side: the app, its tasks and the relay. The metrics folder is set before metrics are imported."""

from contextlib import suppress

from app.settings import BadSetting, Settings, share_metrics

with suppress(BadSetting):  # workers.app reports the bad setting in one line
    share_metrics(Settings.from_env())
