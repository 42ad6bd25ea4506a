"""Times on the command line."""

from __future__ import annotations

from datetime import datetime

import click

from app.domain.times import moment


class Moment(click.ParamType[datetime]):
    """A time in RFC 3339, or a date."""

    name = "time|date"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return value if isinstance(value, datetime) else moment(value)
        except ValueError as error:
            self.fail(f"{error} or a date such as 2026-11-23.", param, ctx)
