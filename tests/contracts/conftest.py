"""Every test that asks for ``dialect`` runs once for each protocol."""

from __future__ import annotations

import pytest

from tests.contracts.dialects import DIALECTS, Dialect


@pytest.fixture(params=DIALECTS, ids=[dialect.name for dialect in DIALECTS])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """A protocol; see :mod:`tests.contracts.dialects`."""
    chosen: Dialect = request.param
    return chosen
