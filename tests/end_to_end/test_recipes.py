"""The recipes of the documentation with real builds, in Chromium.

Each project is a few files, and its tools come from npm: the folder that ``RECIPES`` names keeps
them between runs.  Without npm, or without its registry, the tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.browser import Browser, address, browsing
from tests.support.processes import running
from tests.support.tools import require_tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: Counts loads, in every page that is built.
COUNT = "<script>sessionStorage.loads = Number(sessionStorage.loads || 0) + 1</script>"
LOADS = "Number(sessionStorage.loads)"
HEADING = "(document.querySelector('h1') || document.body).textContent.split('\\u200b')[0].trim()"
#: Seconds for a build on a busy machine.
BUILD = 120.0


@dataclass(slots=True, kw_only=True, frozen=True)
class Recipe:
    """A project, and how it is served."""

    #: ``dependencies`` of package.json.
    packages: dict[str, str]
    files: dict[str, str]
    #: The options and the folder, as the documentation has them.
    words: tuple[str, ...]
    folder: str
    #: What ``--run`` runs; empty: the tool builds once.
    watch: str = ""
    #: What builds once.
    build: str
    #: The file whose heading is edited.
    edited: str
    #: A page that is no file of that name, and its heading.
    route: tuple[str, str]
    #: The heading before and after the edit.
    headings: tuple[str, str] = ("hello one", "hello two")
    #: Whether there is a script that is worth compressing.
    script: bool = False
    environment: dict[str, str] = field(default_factory=dict)


RECIPES = {
    "vite": Recipe(
        packages={"vite": "^7", "@vitejs/plugin-react": "^5", "react": "^19", "react-dom": "^19"},
        files={
            "vite.config.js": "import react from '@vitejs/plugin-react';\n"
            "export default { plugins: [react()] };\n",
            "index.html": f"<!doctype html><head>{COUNT}</head><div id=root></div>"
            "<script type=module src=/src/main.jsx></script>",
            "src/main.jsx": "import { createRoot } from 'react-dom/client';\n"
            "createRoot(document.getElementById('root')).render(<h1>hello one</h1>);\n",
        },
        words=("--spa", "index.html"),
        folder="dist",
        watch="npx vite build --watch",
        build="npx vite build",
        edited="src/main.jsx",
        route=("/deep/route", "hello two"),
        script=True,
    ),
    "eleventy": Recipe(
        packages={"@11ty/eleventy": "^3"},
        files={
            "index.html": f"<!doctype html><head>{COUNT}</head><h1>hello one</h1>",
            "about.html": f"<!doctype html><head>{COUNT}</head><h1>about</h1>",
        },
        words=(),
        folder="_site",
        watch="npx eleventy --watch",
        build="npx eleventy",
        edited="index.html",
        route=("/about", "about"),
    ),
    "vitepress": Recipe(
        packages={"vitepress": "^1"},
        files={
            "docs/.vitepress/config.mjs": "export default { cleanUrls: true, head: [['script', {},"
            f" `{COUNT.removeprefix('<script>').removesuffix('</script>')}`]] }};\n",
            "docs/index.md": "# hello one\n",
            "docs/guide.md": "# guide\n",
        },
        words=("--clean-urls", "--error-page", "404=404.html"),
        folder="docs/.vitepress/dist",
        build="npx vitepress build docs",
        edited="docs/index.md",
        route=("/guide", "guide"),
        script=True,
    ),
    "astro": Recipe(
        packages={"astro": "^5"},
        files={
            "src/pages/index.astro": f"<html><head>{COUNT.replace('<script', '<script is:inline')}"
            "</head><h1>hello one</h1></html>",
            "src/pages/about.astro": "<html><h1>about</h1></html>",
        },
        words=(),
        folder="dist",
        build="npx astro build",
        edited="src/pages/index.astro",
        route=("/about", "about"),
        environment={"ASTRO_TELEMETRY_DISABLED": "1"},
    ),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where packages are installed, by recipe."""
    require_tool("npm", package="npm", optional=True)
    kept = os.environ.get("RECIPES")
    return Path(kept) if kept else tmp_path_factory.mktemp("recipes")


def project(recipe: Recipe, tools: Path, name: str, folder: Path) -> None:
    """Write a project to ``folder``, with its packages."""
    home = tools / name
    if not (home / "node_modules").is_dir():
        home.mkdir(exist_ok=True)
        packages = ", ".join(f'"{one}": "{version}"' for one, version in recipe.packages.items())
        (home / "package.json").write_text(
            f'{{"private": true, "type": "module", "dependencies": {{{packages}}}}}'
        )
        npm = ["npm", "install", "--no-audit", "--no-fund"]
        done = subprocess.run(npm, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(home / "node_modules", ignore_errors=True)
            pytest.skip(f"npm: {done.stderr.strip()[-200:]}")
    folder.mkdir()
    shutil.copy(home / "package.json", folder)
    (folder / "node_modules").symlink_to(home / "node_modules")
    for path, text in recipe.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(browser: Browser, tools: Path, tmp_path: Path, name: str) -> None:
    recipe = RECIPES[name]
    folder = tmp_path / name
    project(recipe, tools, name, folder)
    environment = {**browser.environment, **recipe.environment}

    def build() -> None:
        if not recipe.watch:
            subprocess.run(
                recipe.build,
                shell=True,
                cwd=folder,
                env={**os.environ, **recipe.environment},
                check=True,
                capture_output=True,
            )

    build()
    # From nothing with one command, where the tool can watch.
    run = ("--run", recipe.watch) if recipe.watch else ()
    words = ("--dev", "-a", "127.0.0.1", *recipe.words, *run, "0", recipe.folder)
    with running(*words, folder=folder, environment=environment) as server:
        browser.driver.get(address(server))
        browser.wait(HEADING, recipe.headings[0], seconds=BUILD)
        browser.wait_connected()
        assert browser.run("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        if recipe.script:
            # As production sends it.
            sizes = (
                "performance.getEntriesByType('resource').filter((one) =>"
                " /\\.js$/.test(one.name) && one.decodedBodySize > 50000)"
            )
            browser.wait(f"{sizes}.length > 0")
            assert browser.run(
                f"{sizes}.every((one) => one.encodedBodySize * 2.5 < one.decodedBodySize)"
            )
        before = browser.run(LOADS)
        source = folder / recipe.edited
        source.write_text(source.read_text().replace(*recipe.headings))
        build()
        browser.wait(HEADING, recipe.headings[1], seconds=BUILD)
        browser.wait_connected()
        # A change that concerns nobody comes after whatever else was on its way.
        mark = folder / recipe.folder / "mark.txt"
        browser.run(
            "addEventListener('h2static:change', (e) => { window.heard = e.detail.changes })"
        )
        mark.write_text("x")
        browser.wait("(window.heard || []).some((one) => one.path === '/mark.txt')")
        assert browser.run(f"{LOADS} - {before}") == 1
        # F5 on a route.
        path, heading = recipe.route
        for _ in range(2):
            browser.driver.get(address(server, path))
            browser.wait(HEADING, heading)
        assert "Error" not in server.stderr()
