"""What a reader of the repository relies on: files in their places, links that lead somewhere."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

import h2static

REPOSITORY = Path(__file__).resolve().parent.parent
WWW = REPOSITORY / "www"

#: About 500 lines are one job; more than this are two.
MODULE_LINES = 500


def python_files(*folders: str) -> list[Path]:
    found = sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "Makefile",
        ".ci/run",
        "h2static/py.typed",
        "hpacktools/py.typed",
        "www/index.html",
        "www/404.html",
        "benchmarks",
    ],
)
def test_stands_at_the_top(name: str) -> None:
    assert (REPOSITORY / name).exists()


def test_version_stands_in_one_place() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert "version" in settings["project"]["dynamic"]
    place = settings["tool"]["hatch"]["version"]["path"]
    assert f'"{h2static.__version__}"' in (REPOSITORY / place).read_text()


def test_changelog_begins_with_the_version() -> None:
    """Or with what comes after it."""
    titles = re.findall("^## (.*)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [title for title in titles if title != "Unreleased"]
    assert titles[-len(released) :] == released
    assert len(titles) - len(released) <= 1
    version = re.escape(h2static.__version__)
    assert re.fullmatch(version + r" - \d{4}-\d\d-\d\d", released[0])


def test_make_targets_are_documented() -> None:
    """The head of the Makefile names every target, and no other."""
    text = (REPOSITORY / "Makefile").read_text()
    head = text[: text.index("\nVENV")]
    documented = re.findall(r"^#   make ([\w-]+)", head, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert sorted(documented) == sorted(phony.split())
    for target in documented:
        assert re.search(rf"^{target}:", text, re.MULTILINE), target


class TestContinuousIntegration:
    """The script in a copy of nothing but itself; the programs it calls are stand-ins."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The clone: ``make`` writes its targets into ``made``, and fails for ``missing``."""
        clone = tmp_path / "clone"
        (clone / ".ci").mkdir(parents=True)
        shutil.copy2(REPOSITORY / ".ci/run", clone / ".ci/run")
        programs = tmp_path / "bin"
        programs.mkdir()
        script = (clone / ".ci/run").read_text()
        for program in re.findall(r"^  ([\w-]+):[\w-]+$", script, re.MULTILINE):
            self.stand_in(programs / program, "exit 0")
        self.stand_in(programs / "make", 'echo "$1" >> made; test "$1" != "$MISSING"')
        return clone

    @staticmethod
    def stand_in(path: Path, body: str) -> None:
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    @staticmethod
    def run(clone: Path, **variables: str) -> tuple[list[str], str]:
        """The targets made, and what was said."""
        path = f"{clone.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {"PATH": path, "MISSING": "", **variables}
        done = subprocess.run(
            [clone / ".ci/run"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return (clone / "made").read_text().split(), done.stderr

    def test_a_lone_clone_fetches_the_corpus(self, folder: Path) -> None:
        assert self.run(folder) == (["corpus", "check", "test-compiled"], "")

    def test_a_copy_of_the_corpus_is_used(self, folder: Path) -> None:
        assert self.run(folder, HPACK_TEST_CASE="/anywhere") == (["check", "test-compiled"], "")
        (folder / "made").unlink()
        (folder.parent / "shared/hpack-test-case/raw-data").mkdir(parents=True)
        assert self.run(folder) == (["check", "test-compiled"], "")

    def test_without_a_network_the_tests_are_run(self, folder: Path) -> None:
        targets, said = self.run(folder, MISSING="corpus")
        assert targets == ["corpus", "check", "test-compiled"]
        assert "the corpus could not be fetched" in said


def test_the_service_is_started_again_unless_its_options_are_wrong() -> None:
    """Exit code 1 may be a port that is free in a moment, 2 is wrong usage."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(REPOSITORY / "deploy/systemd/h2static.service")
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["RestartPreventExitStatus"] == "2"
    # All the tries that systemd allows have to fit into the time in which it counts them.
    pauses = int(unit["Unit"]["StartLimitBurst"]) * int(unit["Service"]["RestartSec"])
    assert 30 <= pauses < int(unit["Unit"]["StartLimitIntervalSec"])


@pytest.mark.parametrize(
    "path",
    python_files("h2static", "hpacktools"),
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_module_opens_with_its_contract_and_has_one_job(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert text.count("\n") <= MODULE_LINES


class References(HTMLParser):
    """The URLs that a page refers to, and the ids it defines."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.urls.append(value)
            if name == "id" and value:
                self.ids.add(value)


def references_of(path: Path) -> list[str]:
    text = path.read_text()
    if path.suffix == ".css":
        return re.findall(r"""(?:url\(|@import )["']?([^"')]+)""", text)
    if path.suffix == ".js":
        return re.findall(r"""^import .* from ["']([^"']+)""", text, re.MULTILINE)
    parser = References()
    parser.feed(text)
    return parser.urls


def test_links_of_the_site_lead_somewhere() -> None:
    """Every reference within ``www`` names a file that is there, and a fragment that it defines."""
    seen = 0
    for path in (*WWW.rglob("*.html"), *WWW.rglob("*.css"), *WWW.rglob("*.js")):
        base = f"http://site/{path.relative_to(WWW)}"
        for reference in references_of(path):
            url = urlsplit(urljoin(base, reference))
            if url.netloc != "site":
                continue
            seen += 1
            target = WWW / url.path.lstrip("/")
            if url.path.endswith("/"):
                target /= "index.html"
            assert target.is_file(), f"{path}: {reference}"
            if url.fragment:
                parser = References()
                parser.feed(target.read_text())
                assert url.fragment in parser.ids, f"{path}: {reference}"
    assert seen > 10


def test_peers_are_told_with_their_tests() -> None:
    """Each test in the table exists, and each program that the end-to-end tests need is told of."""
    table = (REPOSITORY / "docs/peers.md").read_text()
    named = re.findall(r"\[`(\w+\.py)::(test_\w+)`\]\(([\w./]+)\)", table)
    assert len(named) == table.count("::") > 40
    for file, test, link in named:
        path = (REPOSITORY / "docs" / link).resolve()
        assert path.name == file
        assert re.search(rf"^(async )?def {test}\(", path.read_text(), re.MULTILINE), test
    rows = "".join(re.findall(r"^\| .*\|$", table, re.MULTILINE)).lower()
    needed = {
        program
        for path in python_files("tests/end_to_end", "tests/process", "tests/support")
        for program in re.findall(r'require_tool\(\s*"([\w-]+)"', path.read_text())
    }
    # What only prepares a test.
    needed -= {"certutil", "chromedriver", "dpkg-deb", "zck", "zsyncmake"}
    words = {"apt-get": "apt"}
    assert len(needed) > 15
    for program in needed:
        assert re.search(rf"\b{words.get(program, program)}\b", rows), program
