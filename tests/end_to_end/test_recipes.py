"""The recipes of the documentation with real builds, in Chromium.

Each project is a few files, and its tools come from npm or pip: the folder that ``RECIPES`` names
keeps them between runs.  Without npm, or without its registry, the tests are skipped; the heavy
ones run where ``H2STATIC_TEST_RECIPES`` is ``all``, as in ``make recipes``.
"""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path

import pytest

from tests.support.browser import Browser, address
from tests.support.edits import overwrite
from tests.support.marks import await_mark
from tests.support.processes import running
from tests.support.recipes import HEAVY, RECIPES, write_project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LOADS = "Number(sessionStorage.loads)"
HEADING = "(document.querySelector('h1') || document.body).textContent.split('\\u200b')[0].trim()"
PAGE = "performance.getEntriesByType('navigation')[0]"
#: Of each large script: its content coding, and its size over that on the wire.
CODINGS = r"""(async () => {
  const names = performance.getEntriesByType("resource").map(({ name }) => name);
  const found = [];
  for (const name of new Set(names.filter((one) => /\.js$/.test(one)))) {
    const response = await fetch(name, { cache: "no-store" });
    const { length } = await response.text();
    if (length < 50000) continue;
    const { headers } = response;
    found.push([headers.get("content-encoding"), length / headers.get("content-length")]);
  }
  return found;
})()"""
#: Seconds for a build on a busy machine.
BUILD = 120.0
TITLES = {"vite": "Vite with React"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "recipes.md"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where packages are installed, by family; all processes of a run share it."""
    if kept := os.environ.get("RECIPES"):
        return Path(kept).resolve()
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return shared / "recipes"


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(browser: Browser, tools: Path, tmp_path: Path, name: str) -> None:
    if name in HEAVY and os.environ.get("H2STATIC_TEST_RECIPES") != "all":
        pytest.skip("heavy: make recipes")
    recipe = RECIPES[name]
    folder = tmp_path / name
    environment = {**browser.environment, **write_project(recipe, tools, folder)}
    programs = environment.pop("PROGRAMS", "")
    # "watchfiles" is beside "h2static".
    ours = sysconfig.get_path("scripts")
    environment["PATH"] = f"{programs}:{ours}:{os.environ['PATH']}"
    # From nothing with one command.
    words = ("--dev", "-a", "127.0.0.1", *recipe.words, "--run", recipe.watch, "0", recipe.folder)
    with running(*words, folder=folder, environment=environment) as server:
        browser.driver.get(address(server))
        browser.wait(HEADING, recipe.headings[0], seconds=BUILD)
        browser.wait_connected()
        assert browser.run(f"{PAGE}.nextHopProtocol") == "h2"
        if recipe.script:
            # As production sends it.
            browser.wait("document.readyState", "complete")
            codings = browser.run(CODINGS)
            assert isinstance(codings, list)
            assert codings
            assert all(coding == "br" and ratio > 2.5 for coding, ratio in codings), codings
        before = browser.run(LOADS)
        source = folder / recipe.edited
        # In one piece, for one build.
        overwrite(source, source.read_text().replace(*recipe.headings))
        browser.wait(HEADING, recipe.headings[1], seconds=BUILD)
        await_mark(browser, folder / recipe.folder)
        assert browser.run(f"{LOADS} - {before}") == 1
        for path, (status, heading) in recipe.routes.items():
            browser.driver.get(address(server, path))
            for _ in range(2):
                if heading:
                    browser.wait(HEADING, heading)
                assert browser.run(f"{PAGE}.responseStatus") == status, path
                browser.driver.refresh()
        assert "Error" not in server.stderr()


def test_the_document_has_each_recipe() -> None:
    """With the options, the folder and the commands that are tried here."""
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    for name, recipe in RECIPES.items():
        quote = '"' if "'" in recipe.watch else "'"
        run = f"--run {quote}{recipe.watch}{quote} "
        options = "".join(f"{word} " for word in recipe.words)
        wanted = f"`h2static --dev {options}{run}{recipe.folder}`"
        named = re.compile(rf"\| {TITLES.get(name, name)}\b", re.IGNORECASE)
        (row,) = [row for row in rows if named.match(row)]
        assert wanted in row, name
