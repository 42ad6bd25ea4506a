"""The models of bodies and queries under /admin that several of its routes share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from app.domain.cases import check_reason
from app.http.bodies import Strict, parse_integer, parse_moment

PREVIEW_SECONDS = 6
"""The time limit of each query of a dry run: nginx waits for an answer for 15 s, and a replica may fail midway."""

Reason = Annotated[str, AfterValidator(check_reason)]
Moment = Annotated[datetime | None, BeforeValidator(parse_moment)]
Limit = Annotated[int, BeforeValidator(parse_integer), Field(ge=1, le=100)]
"""The number of rows of a page, as a query parameter."""


class DryRun(Strict):
    """The fields of bodies of acts that move people: whether it is a trial, and how many moves the answer has."""

    dry_run: bool = False
    limit: Annotated[int, Field(ge=1, le=1000)] = 20


def id_parser(what: str) -> BeforeValidator:
    """Return the parser of a query parameter that is the id of such a thing."""

    def parse(value: object) -> object:
        try:
            return UUID(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError(f"must be the id of {what}") from None

    return BeforeValidator(parse)
