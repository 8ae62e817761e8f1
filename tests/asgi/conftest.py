"""Tests here run in asyncio; every one that asks for ``dialect`` runs once for each protocol."""

from __future__ import annotations

import pytest

from tests.contracts.dialects import DIALECTS, Dialect


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=DIALECTS[:2], ids=[dialect.name for dialect in DIALECTS[:2]])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """A protocol; see :mod:`tests.contracts.dialects`."""
    chosen: Dialect = request.param
    return chosen
