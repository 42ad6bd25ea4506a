from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from app.containers.container import Container
from tests.integration.moderation.cases.parts import Field


@pytest.fixture
def field(container: Container) -> Field:
    return Field(container)


@pytest.fixture
def strict_field(container: Container) -> Iterator[Field]:
    """Yield the field with QUARANTINE on."""
    quarantining = Container(container.settings.model_copy(update={"quarantine": True}))
    yield Field(quarantining)
    quarantining.close()


@pytest.fixture
def anna(field: Field) -> UUID:
    return field.player("Anna")


@pytest.fixture
def ben(field: Field) -> UUID:
    return field.player("Ben")
