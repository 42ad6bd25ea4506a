"""All commands of `flask`."""

from __future__ import annotations

from flask import Flask

from app.cli import corrections as corrections  # imported to add its commands to `leaderboard`
from app.cli import scores as scores
from app.cli import user_accounts as user_accounts  # imported to add its commands to `users`
from app.cli.actions import actions
from app.cli.analytics import analytics
from app.cli.anticheat import anticheat
from app.cli.audit import audit
from app.cli.boards import boards
from app.cli.db import db
from app.cli.doctor import doctor
from app.cli.exports import export
from app.cli.imports import imports
from app.cli.keys import keys
from app.cli.leaderboard import leaderboard
from app.cli.outbox import outbox
from app.cli.queues import queues
from app.cli.users import users
from app.cli.webhooks import webhooks


def register(app: Flask) -> None:
    """Add the commands to `flask --app wsgi`."""
    play = users, keys, actions, boards, leaderboard, export, imports
    for command in (*play, analytics, anticheat, audit, outbox, queues, doctor, db):
        app.cli.add_command(command)
    app.cli.add_command(webhooks)
