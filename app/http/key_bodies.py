"""The models of bodies of /admin/keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from app.domain.api_keys import MOST_GRACE_SECONDS, MOST_PER_MINUTE, Scope, check_key_name, check_scopes
from app.http.bodies import Strict


class NewKey(Strict):
    """The body of `POST /admin/keys`."""

    name: Annotated[str, AfterValidator(check_key_name)]
    scopes: Annotated[list[Scope], AfterValidator(check_scopes)]
    per_minute: Annotated[int | None, Field(ge=1, le=MOST_PER_MINUTE)] = None


class Rotation(Strict):
    """The body of `POST /admin/keys/{id}/rotate`."""

    grace_seconds: Annotated[int, Field(ge=0, le=MOST_GRACE_SECONDS)] = 0
