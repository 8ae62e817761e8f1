"""A world whose system calls fail, and what holds after every fault."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.site import path_states, response_cache
from tests.faults.world import World, running_world
from tests.support.certificates import Certificate, make_certificate
from tests.support.faults import Faults

#: Functions of ``os`` that the product calls.
CAUGHT = (
    *("open", "close", "read", "write", "pread", "preadv", "stat", "lstat", "fstat"),
    *("readlink", "scandir", "lseek", "dup"),
)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Faults that catch every function."""
    one = Faults()
    one.catch(monkeypatch, os, *CAUGHT)
    for module in (path_states, response_cache):
        one.catch(monkeypatch, module, "fstat")
    return one


@pytest.fixture
def world(faults: Faults, tmp_path: Path, certificate: Certificate) -> Iterator[World]:
    with running_world(faults, tmp_path, certificate) as one:
        yield one
