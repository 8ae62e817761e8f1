"""The vectors themselves: their levels, their quotations, what each of them is about."""

from __future__ import annotations

import pytest

from hpacktools.schemas import problems
from tests.support.stories import load, vectors

FOLDERS = ("rfc7541", "unusual", "malformed", "encoder")


@pytest.mark.parametrize("folder", FOLDERS)
def test_they_are_stories(folder: str) -> None:
    for path in vectors(folder):
        assert problems("story", load(path)) == [], path.name


def test_what_is_not_a_must_says_why() -> None:
    """With the sentence of the RFC."""
    levels: dict[str, set[str]] = {}
    for folder in FOLDERS:
        for path in vectors(folder):
            story = load(path)
            level = story.get("level", "must")
            levels.setdefault(level, set()).add(path.stem[:3])
            if level != "must" and path.stem != "e07_empty_name":
                assert story["rule"], path.name
            for case in story["cases"]:
                expected = case.get("expect", {})
                if expected.get("may_accept") or expected.get("may_refuse"):
                    assert level == "limits", path.name
    assert levels["advice"] == {"n13", "n16", "e07"}
    assert levels["settings"] == {"n15", "n17"}
    assert levels["limits"] == {"n06", "u07", "u11", "u14", "u19"}


def test_what_needs_the_settings_says_so() -> None:
    for folder in FOLDERS:
        for path in vectors(folder):
            story = load(path)
            several = any("header_table_sizes" in case for case in story["cases"])
            assert several == ("several settings" in story.get("needs", [])), path.name
            if any("sensitive" in case for case in story["cases"]) and folder == "encoder":
                assert "sensitive" in story["needs"], path.name


def test_what_needs_many_fields_says_so() -> None:
    for path in [*vectors("rfc7541"), *vectors("unusual")]:
        story = load(path)
        most = max(len(case["headers"]) for case in story["cases"])
        assert (most > 61) == any("fields" in need for need in story.get("needs", [])), path.name


@pytest.mark.parametrize("name", ["c5", "c6"])
def test_the_examples_begin_with_their_own_octets(name: str) -> None:
    """After the size update without which the table would not have 256 octets."""
    (path,) = [path for path in vectors("rfc7541") if path.stem == name]
    first = load(path)["cases"][0]
    own = {"c5": "4803333032580770726976617465", "c6": "488264025885aec3771a4b6196d07abe"}
    assert first["wire"].startswith("3fe101" + own[name])


def test_one_thing_each() -> None:
    """Names in the vectors of the highest index are not empty: many decoders refuse those."""
    for path in vectors("unusual"):
        names = {name for case in load(path)["cases"] for h in case["headers"] for name in h}
        if path.stem.startswith("u14"):
            assert "" not in names, path.name
        if path.stem.startswith("u11") and path.stem != "u11_empty_value":
            assert names == {""}, path.name
