"""HPACK stories for tests: those of this repository and the http2jp corpus.

Read here by plain code, not by ``hpacktools``, so that the codec is tested without the tools.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hpacktools.conformance.corpus import VARIABLE, cache_folder
from tests.support.tools import in_ci

REPOSITORY = Path(__file__).resolve().parents[2]
VECTORS = REPOSITORY / "hpack-test-case"

#: What ``json`` returns: the shape is what the tests are about.
Json = dict[str, Any]


def vectors(folder: str) -> list[Path]:
    """The vectors in ``rfc7541``, ``malformed`` or ``unusual``."""
    found = sorted((VECTORS / folder).glob("*.json"))
    assert found
    return found


def require_corpus() -> Path:
    """The folder of http2jp/hpack-test-case.

    It is the one that ``HPACK_TEST_CASE`` names, else one beside this repository, else what
    ``hpack-conformance fetch`` brought.  Where it is missing the test is skipped; under ``CI=true``
    it fails.
    """
    named = os.environ.get(VARIABLE)
    places = [REPOSITORY.parent / "shared" / "hpack-test-case", cache_folder()]
    if named:
        places = [Path(named)]
    for corpus in places:
        if (corpus / "raw-data").is_dir():
            return corpus
    looked = " or ".join(map(str, places))
    reason = f"no corpus in {looked}: run hpack-conformance fetch, or set {VARIABLE}"
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def load(path: Path) -> Json:
    story: Json = json.loads(path.read_text())
    return story


def settings_before(case: Json) -> list[int]:
    """The values of SETTINGS_HEADER_TABLE_SIZE that take effect before ``case``."""
    if "header_table_sizes" in case:
        return list(case["header_table_sizes"])
    size = case.get("header_table_size")
    return [] if size is None else [size]


def fields_of(case: Json) -> tuple[tuple[bytes, bytes], ...]:
    """The header list of ``case`` in octets."""
    fields = []
    for position, member in enumerate(case["headers"]):
        ((name, value),) = member.items()
        octets = case.get("octets", {}).get(str(position))
        if octets is None:
            fields.append((name.encode(), value.encode()))
        else:
            fields.append((bytes.fromhex(octets["name"]), bytes.fromhex(octets["value"])))
    return tuple(fields)


def entries_of(table: Json) -> tuple[tuple[bytes, bytes], ...]:
    """The entries of a dumped table, newest first, in octets."""
    return tuple(
        tuple(  # type: ignore[misc]  # two items: name and value
            bytes.fromhex(entry[f"{part}_hex"]) if f"{part}_hex" in entry else entry[part].encode()
            for part in ("name", "value")
        )
        for entry in table["entries"]
    )
