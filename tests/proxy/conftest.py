"""What the tests of the proxy have in common: both protocols in front, both behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.proxy.fronts import FRONTS, Front
from tests.support.proxying import Backend, backend1, backend2

MakeFront = Callable[[int], Front]
MakeBackend = Callable[[], AbstractContextManager[Backend]]


@pytest.fixture(params=FRONTS, ids=lambda one: f"{one.name}-in")
def front(request: pytest.FixtureRequest) -> Iterator[MakeFront]:
    """Connects a client to a port; all of them are closed at the end."""
    made: list[Front] = []

    def make(port: int) -> Front:
        made.append(request.param(port))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(params=[backend1, backend2], ids=["h1-out", "h2-out"])
def backend(request: pytest.FixtureRequest) -> MakeBackend:
    """A backend that says ``ok``."""
    made: MakeBackend = request.param
    return made
