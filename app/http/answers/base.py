"""The base of the models of answers. They describe the output of presenters, and validate nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answered(BaseModel):
    """A JSON object in `data` of an answer. Its schema is built when the reference documents are, not before."""

    model_config = ConfigDict(defer_build=True)


def sometimes(description: str) -> Any:
    """Return the default of a field that some answers leave out; `description` says when it is there."""
    return Field(default=None, description=description)
