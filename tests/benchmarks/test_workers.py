"""The benchmark that starts one server for each number of workers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import workers
from tests.support.tools import require_tool


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_two_workers_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_tool("h2load", package="nghttp2-client")
    monkeypatch.setattr(workers, "ROUNDS", 1)
    root = tmp_path / "www"
    root.mkdir()
    for number in range(workers.FILES):
        (root / f"{number}.html").write_bytes(b"x")
    rate, cost, memory = workers.measure(root, 2, 1)
    assert rate > 0
    assert cost > 0
    # Two workers and their supervisor: some ten MiB each at least.
    assert memory > 20
