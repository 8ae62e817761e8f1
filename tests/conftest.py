"""What holds for every test.

Strategy: a busy machine fails no test of Hypothesis, so that neither the time of one example is
bounded nor that of finding it; pytest bounds a whole test.  Continuous integration tries the same
examples in every run: whoever changed nothing is not told of a fault.  New ones are sought on
developers' machines and by ``make fuzz``.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from h2static.server.processors import usable_processors
from tests.support.tools import in_ci

settings.register_profile(
    "project",
    deadline=None,
    derandomize=in_ci(),
    suppress_health_check=[HealthCheck.too_slow],
)
# For ``make quick``: what is looked for at random is looked for elsewhere.
settings.register_profile("quick", settings.get_profile("project"), max_examples=25)
settings.load_profile("quick" if os.environ.get("H2STATIC_TEST_QUICK") else "project")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes share the tests; slow ones wait for programs and clocks half the time."""
    processors = usable_processors()
    return processors if config.option.markexpr == "not slow" else processors * 3 // 2


def pytest_collection_finish(session: pytest.Session) -> None:
    """Modules and tests stay: whoever has the collector run need not wait for a look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a page, where a test needs no other."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.html").write_text("t")
    return folder
