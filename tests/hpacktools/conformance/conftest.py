"""Fixtures of the tests of hpacktools.conformance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GET = [{":method": "GET"}, {":path": "/"}, {"x-a": "caf\xe9"}]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus of one encoded story and two raw ones."""
    folder = tmp_path / "corpus"
    for name, document in {
        "other/story_00": {"cases": [{"wire": "8284", "headers": GET[:2]}] * 2},
        "raw-data/story_00": {"cases": [{"headers": GET}] * 3},
        "raw-data/story_01": {"cases": [{"headers": [{"x-b": "c"}]}], "context": "response"},
    }.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    return folder
