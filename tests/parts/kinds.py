"""A mark for tests on a single Redis and on a cluster: `pytestmark = ON_BOTH` if a module's tests use `container`."""

from __future__ import annotations

import pytest

ON_BOTH = pytest.mark.parametrize("redis_kind", ["single", "cluster"], indirect=True)
