"""Push rules that may change while a site serves."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.site.config import SiteConfig
from h2static.site.hints.rules import parse_push_option
from h2static.site.hints.source import PushSource
from h2static.site.limits import DEFAULTS
from tests.site.hints.support import not_looked_at

RULES = '{"rules": [{"path": "/", "targets": ["/%s"]}]}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "push.json"


def config(file: Path | None, *push: str, lenient: bool = True) -> SiteConfig:
    return SiteConfig(
        root="/",
        push=tuple(map(parse_push_option, push)),
        push_rules=None if file is None else str(file),
        lenient=lenient,
    )


def everything(path: bytes) -> bool:
    return True


def names(*present: bytes) -> Callable[[bytes], bool]:
    return lambda path: path in present


def targets(source: PushSource) -> list[str]:
    """What is hinted at with the first page."""
    hints = None if source.planner is None else source.planner.hints_for(b"/", b'"1"')
    return [] if hints is None else [target.url for _, target in hints.entries]


def write(file: Path, text: str) -> None:
    """Replace the file as a whole, so that its state is another for certain."""
    fresh = file.with_name("fresh")
    fresh.write_text(text)
    os.replace(fresh, file)


def test_a_broken_file_is_refused_by_a_site_that_serves_the_world(file: Path) -> None:
    file.write_text("{")
    with pytest.raises(ValueError, match=r"push\.json:1:2: not JSON"):
        PushSource(config(file, lenient=False), everything, not_looked_at)
    file.unlink()
    with pytest.raises(OSError, match="No such file"):
        PushSource(config(file, lenient=False), everything, not_looked_at)


def test_a_broken_file_is_a_warning_for_those_who_edit(file: Path) -> None:
    file.write_text("{")
    source = PushSource(config(file, "/=/option.css"), everything, not_looked_at)
    (warning,) = source.warnings
    assert warning.startswith(f"{file}:1:2: not JSON")
    assert targets(source) == ["/option.css"]
    write(file, RULES % "file.css")
    assert source.refresh(look_at_targets=False)
    assert source.warnings == ()
    assert targets(source) == ["/option.css", "/file.css"]


def test_a_missing_file_is_a_warning_until_it_is_there(file: Path) -> None:
    source = PushSource(config(file), everything, not_looked_at)
    assert source.warnings == (f"{file}: No such file or directory",)
    assert source.planner is None
    assert not source.refresh(look_at_targets=False)
    write(file, RULES % "a.css")
    assert source.refresh(look_at_targets=False)
    assert targets(source) == ["/a.css"]


def test_the_old_rules_stay_while_the_file_is_broken(file: Path) -> None:
    file.write_text(RULES % "old.css")
    source = PushSource(config(file), everything, not_looked_at)
    assert not source.refresh(look_at_targets=True)
    write(file, '{"rules": 1}')
    assert source.refresh(look_at_targets=False)
    (warning,) = source.warnings
    assert "$.rules: expected an array, found 1" in warning
    assert targets(source) == ["/old.css"]
    assert not source.refresh(look_at_targets=True)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "No such file or directory"),
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "Not a regular file"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path: path.write_bytes(b"\xff"), "not UTF-8"),
        (lambda path: path.write_bytes(b" " * (DEFAULTS.rule_file + 1)), "longer than"),
    ],
)
def test_the_old_rules_stay_whatever_is_in_the_place_of_the_file(
    file: Path, make: Callable[[Path], object], complaint: str
) -> None:
    file.write_text(RULES % "old.css")
    source = PushSource(config(file), everything, not_looked_at)
    file.unlink()
    make(file)
    assert source.refresh(look_at_targets=False)
    (warning,) = source.warnings
    assert complaint in warning
    assert targets(source) == ["/old.css"]


@pytest.mark.slow
def test_more_rules_than_there_may_be(file: Path) -> None:
    file.write_text(RULES % "old.css")
    source = PushSource(config(file), everything, not_looked_at)
    rule = '{"path": "/", "targets": ["/a.css"]}'
    write(file, f'{{"rules": [{",".join([rule] * 20_000)}]}}')
    assert source.refresh(look_at_targets=False)
    assert len(source.warnings) == 1
    assert targets(source) == ["/old.css"]


def test_targets_come_and_go(file: Path) -> None:
    present: list[bytes] = []
    source = PushSource(config(None, "/=/a.css"), lambda path: path in present, not_looked_at)
    assert targets(source) == []
    (warning,) = source.warnings
    assert "/a.css" in warning
    present.append(b"/a.css")
    assert not source.refresh(look_at_targets=False)
    assert source.refresh(look_at_targets=True)
    assert targets(source) == ["/a.css"]
    assert not source.warnings
    present.clear()
    assert source.refresh(look_at_targets=True)
    assert targets(source) == []


def test_nothing_to_refresh() -> None:
    source = PushSource(SiteConfig(root="/", lenient=True), names(), not_looked_at)
    assert not source.refresh(look_at_targets=True)
    assert source.planner is None
    off = replace(config(None), lenient=False)
    assert PushSource(off, names(), not_looked_at).planner is None
