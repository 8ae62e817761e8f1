"""Targets of the search for faults: they pass on what is known, and on some octets of no sense."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import __main__ as command
from tests.fuzz.seeds import FOUND, seeds
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_pass(name: str) -> None:
    """What was found before is among them."""
    made = seeds(name)
    assert len(made) > 10
    for octets in made:
        TARGETS[name](octets)


@pytest.mark.parametrize("name", TARGETS)
def test_octets_of_no_sense_pass(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=200))
    def search(octets: bytes) -> None:
        target(octets)

    search()


def test_what_was_found_belongs_to_a_target() -> None:
    assert {path.name for path in FOUND.iterdir() if path.is_dir()} <= set(TARGETS)


def test_without_atheris_it_is_said_that_nothing_is_searched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["fuzz", "paths"])
    assert command.main() == 0
    assert "atheris is not installed" in capsys.readouterr().out


def test_a_target_that_there_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "nonsense"])
    with pytest.raises(SystemExit):
        command.main()
    assert "no such target: nonsense" in capsys.readouterr().err
