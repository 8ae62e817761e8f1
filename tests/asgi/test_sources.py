"""Edits of an application's modules: none is hidden by bytecode of the second before."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.asgi.config import AppConfig
from h2static.asgi.loading import load
from h2static.asgi.sources import SETTLED, watch_for_edits
from h2static.errors import ApplicationError

_NUMBERS = itertools.count()
APPLICATION = "async def app(scope, receive, send): ...\nvalue = {}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for modules, in a process that writes bytecode."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "path_hooks", sys.path_hooks[:])
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if name.startswith("edited_"):
            del sys.modules[name]


def write(path: Path, text: str, moment: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (moment, moment))


def test_an_edit_in_the_second_of_the_import(folder: Path) -> None:
    """Of the same size; the first version could not even be imported."""
    name = f"edited_{next(_NUMBERS)}"
    path, moment = folder / f"{name}.py", time.time()
    config = AppConfig(target=f"{name}:app", app_dir=str(folder))
    write(path, APPLICATION.format("1/0"), moment)
    with pytest.raises(ApplicationError):
        load(config)
    write(path, APPLICATION.format("123"), moment)
    load(config)
    assert sys.modules[name].value == 123


@pytest.mark.parametrize("place", ["{}.py", "{}/__init__.py"])
def test_bytecode_of_what_was_edited_before_is_kept(folder: Path, place: str) -> None:
    name = f"edited_{next(_NUMBERS)}"
    path, now = folder / place.format(name), time.time()
    watch_for_edits(str(folder))
    for age, kept in ((0.0, False), (-60.0, False), (SETTLED + 60, True)):
        write(path, "value = 1\n", now - age)
        importlib.invalidate_caches()
        importlib.import_module(name)
        assert Path(importlib.util.cache_from_source(str(path))).exists() is kept
        del sys.modules[name]
    # Without the guard: the same time and size.
    write(path, "value = 2\n", now - SETTLED - 60)
    assert importlib.import_module(name).value == 1


def test_other_folders_are_left_alone(folder: Path) -> None:
    name = f"edited_{next(_NUMBERS)}"
    watch_for_edits(str(folder / "own"))
    write(folder / f"{name}.py", "value = 1\n", time.time())
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    assert module.__cached__ is not None
    assert Path(module.__cached__).exists()
