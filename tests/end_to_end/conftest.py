"""Chromium for the tests of a module: started once, with an empty memory for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser, browsing


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The module's browser; a module that wants other arguments has its own."""
    with browsing(tmp_path_factory.mktemp("browser")) as chromium:
        yield chromium


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The module's browser, which knows nothing of earlier tests."""
    with chromium.forgetful():
        yield chromium
