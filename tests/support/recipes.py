"""Small projects for the tools of ``docs/recipes.md``, and how each is built and served.

Promise: :func:`write_project` puts a project into a folder, with the packages that its tool needs.
Packages come from npm or pip once for each *family* of tools and are kept in the folder ``tools``;
processes that share that folder wait for one another.  Where a registry cannot be reached the test
is skipped.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.tools import require_tool

#: Counts loads, in every page that is built.
COUNTING = "sessionStorage.loads = Number(sessionStorage.loads || 0) + 1"
COUNT = f"<script>{COUNTING}</script>"
MISSING = "missing"
#: Seconds for an installation; a registry that is so slow is as good as none.
INSTALL = 300.0


@dataclass(slots=True, kw_only=True, frozen=True)
class Recipe:
    """A project, and how it is served."""

    files: Mapping[str, str]
    #: The options and the folder, as the documentation has them.
    words: tuple[str, ...] = ()
    folder: str
    #: Whose packages it uses; empty for a program of the system.
    family: str
    #: What ``--run`` runs: it builds, and builds again after an edit.
    watch: str
    #: The file whose heading is edited.
    edited: str
    #: Paths, the status and the heading of each, after the edit.
    routes: Mapping[str, tuple[int, str]]
    #: The heading before and after the edit.
    headings: tuple[str, str] = ("hello one", "hello two")
    #: Whether there is a script that is worth compressing.
    script: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    #: A program of Debian that builds it.
    program: str = ""


#: Packages of npm by family: what shares an installation.
FAMILIES = {
    "vite": {
        "vite": "^8",
        "@vitejs/plugin-react": "^6",
        "react": "^19",
        "react-dom": "^19",
        "@vitejs/plugin-vue": "^6",
        "vue": "^3",
        "@sveltejs/kit": "^2",
        "@sveltejs/adapter-static": "^3",
        "@sveltejs/vite-plugin-svelte": "^7",
        "svelte": "^5",
    },
    "eleventy": {"@11ty/eleventy": "^3"},
    "vitepress": {"vitepress": "^1"},
    "astro": {"astro": "^5"},
    "docusaurus": {
        "@docusaurus/core": "^3.9",
        "@docusaurus/preset-classic": "^3.9",
        "react": "^19",
        "react-dom": "^19",
    },
    "next": {"next": "^16", "react": "^19", "react-dom": "^19"},
}
#: Installations of hundreds of megabytes, and builds of half a minute: only where asked for.
HEAVY = ("docusaurus", "next")

_SPA = {"/": (200, "hello two"), "/deep/route": (200, "hello two")}
_NOT_FOUND = "<html><head><title>none</title></head><h1>missing</h1></html>"

RECIPES = {
    "vite": Recipe(
        family="vite",
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
        edited="src/main.jsx",
        routes={**_SPA, "/assets/none.js": (404, "")},
        script=True,
    ),
    "vue": Recipe(
        family="vite",
        files={
            "vite.config.js": "import vue from '@vitejs/plugin-vue';\n"
            "export default { plugins: [vue()] };\n",
            "index.html": f"<!doctype html><head>{COUNT}</head><div id=app></div>"
            "<script type=module src=/src/main.js></script>",
            "src/main.js": "import { createApp } from 'vue';\nimport App from './App.vue';\n"
            "createApp(App).mount('#app');\n",
            "src/App.vue": "<script setup>const name = 'one'</script>\n"
            "<template><h1>hello one</h1><p>{{ name }}</p></template>\n",
        },
        words=("--spa", "index.html"),
        folder="dist",
        watch="npx vite build --watch",
        edited="src/App.vue",
        routes=_SPA,
        script=True,
    ),
    "sveltekit": Recipe(
        family="vite",
        files={
            "vite.config.js": "import { sveltekit } from '@sveltejs/kit/vite';\n"
            "export default { plugins: [sveltekit()] };\n",
            "svelte.config.js": "import adapter from '@sveltejs/adapter-static';\n"
            "export default { kit: { adapter: adapter({ fallback: '200.html' }) } };\n",
            "src/app.html": f"<!doctype html><html><head>{COUNT}%sveltekit.head%</head>"
            "<body><div>%sveltekit.body%</div></body></html>",
            "src/routes/+page.js": "export const prerender = true;\n",
            "src/routes/+page.svelte": "<h1>hello one</h1><a href='/about'>about</a>\n",
            "src/routes/about/+page.js": "export const prerender = true;\n",
            "src/routes/about/+page.svelte": "<h1>about</h1>\n",
            # A route that only the script in the browser knows.
            "src/routes/item/[id]/+page.svelte": "<script>import { page } from '$app/state';"
            "</script><h1>item {page.params.id}</h1>\n",
        },
        words=("--clean-urls", "--spa", "200.html"),
        folder="build",
        # "vite build --watch" starts the next build while the adapter still writes, and fails.
        watch="watchfiles 'npx vite build' src",
        edited="src/routes/+page.svelte",
        routes={
            "/": (200, "hello two"),
            "/about": (200, "about"),
            "/item/7": (200, "item 7"),
            "/_app/immutable/none.js": (404, ""),
        },
    ),
    "eleventy": Recipe(
        family="eleventy",
        files={
            "index.html": f"<!doctype html><head>{COUNT}</head><h1>hello one</h1>",
            "about.html": f"<!doctype html><head>{COUNT}</head><h1>about</h1>",
        },
        folder="_site",
        watch="npx eleventy --watch",
        edited="index.html",
        routes={"/": (200, "hello two"), "/about": (200, "about"), "/none": (404, "")},
    ),
    "vitepress": Recipe(
        family="vitepress",
        files={
            "docs/.vitepress/config.mjs": "export default { cleanUrls: true,"
            f" head: [['script', {{}}, `{COUNTING}`]] }};\n",
            "docs/index.md": "# hello one\n",
            "docs/guide.md": "# guide\n",
        },
        words=("--clean-urls", "--error-page", "404=404.html"),
        folder="docs/.vitepress/dist",
        watch="watchfiles --ignore-paths docs/.vitepress 'npx vitepress build docs' docs",
        edited="docs/index.md",
        routes={
            "/": (200, "hello two"),
            "/guide": (200, "guide"),
            "/none": (404, "PAGE NOT FOUND"),
        },
        script=True,
    ),
    "astro": Recipe(
        family="astro",
        files={
            "src/pages/index.astro": f"<html><head>{COUNT.replace('<script', '<script is:inline')}"
            "</head><h1>hello one</h1></html>",
            "src/pages/about.astro": "<html><h1>about</h1></html>",
            "src/pages/404.astro": _NOT_FOUND,
        },
        words=("--error-page", "404=404.html"),
        folder="dist",
        watch="watchfiles 'npx astro build' src",
        edited="src/pages/index.astro",
        routes={"/": (200, "hello two"), "/about": (200, "about"), "/none": (404, MISSING)},
        environment={"ASTRO_TELEMETRY_DISABLED": "1"},
    ),
    "mkdocs": Recipe(
        family="mkdocs",
        files={
            "mkdocs.yml": "site_name: trial\nuse_directory_urls: true\n"
            "theme: {name: mkdocs, custom_dir: own, highlightjs: false}\n",
            "own/main.html": "{% extends 'base.html' %}\n{% block extrahead %}" + COUNT + "{%"
            " endblock %}\n",
            "docs/index.md": "# hello one\n",
            "docs/about.md": "# about\n",
        },
        words=("--error-page", "404=404.html"),
        folder="site",
        watch="watchfiles 'mkdocs build' docs",
        edited="docs/index.md",
        routes={"/": (200, "hello two"), "/about": (200, "about"), "/none": (404, "404")},
        script=True,
    ),
    "hugo": Recipe(
        family="",
        program="hugo",
        files={
            "config.toml": "title = 'trial'\nbaseURL = '/'\ndisableKinds = ['taxonomy', 'term']\n",
            "layouts/_default/baseof.html": f"<!doctype html><head>{COUNT}</head>"
            "<body>{{ block `main` . }}{{ end }}</body>",
            "layouts/_default/single.html": "{{ define `main` }}{{ .Content }}{{ end }}",
            "layouts/index.html": "{{ define `main` }}{{ .Content }}{{ end }}",
            "layouts/404.html": "{{ define `main` }}<h1>missing</h1>{{ end }}",
            "content/_index.md": "# hello one\n",
            "content/about.md": "# about\n",
        },
        words=("--error-page", "404=404.html"),
        folder="public",
        watch="hugo --watch",
        edited="content/_index.md",
        routes={"/": (200, "hello two"), "/about": (200, "about"), "/none": (404, MISSING)},
    ),
    "docusaurus": Recipe(
        family="docusaurus",
        files={
            "docusaurus.config.js": "export default { title: 'trial', url: 'https://trial.test',"
            " baseUrl: '/', onBrokenLinks: 'ignore',"
            f" headTags: [{{ tagName: 'script', attributes: {{}}, innerHTML: `{COUNTING}` }}],"
            " presets: [['classic', { docs: { routeBasePath: '/' }, blog: false }]] };\n",
            "docs/index.md": "---\nslug: /\n---\n# hello one\n",
            "docs/guide.md": "# guide\n",
        },
        words=("--clean-urls", "--error-page", "404=404.html"),
        folder="build",
        watch="watchfiles 'npx docusaurus build' docs",
        edited="docs/index.md",
        routes={
            "/": (200, "hello two"),
            "/guide": (200, "guide"),
            "/none": (404, "Page Not Found"),
        },
        script=True,
    ),
    "next": Recipe(
        family="next",
        files={
            "next.config.mjs": "export default { output: 'export' };\n",
            "app/layout.jsx": "export default ({ children }) => <html><head><script"
            f" dangerouslySetInnerHTML={{{{ __html: `{COUNTING}` }}}} /></head>"
            "<body>{children}</body></html>;\n",
            "app/page.jsx": "export default () => <h1>hello one</h1>;\n",
            "app/about/page.jsx": "export default () => <h1>about</h1>;\n",
            "app/not-found.jsx": "export default () => <h1>missing</h1>;\n",
        },
        words=("--clean-urls", "--error-page", "404=404.html"),
        folder="out",
        watch="watchfiles 'npx next build' app",
        edited="app/page.jsx",
        routes={"/": (200, "hello two"), "/about": (200, "about"), "/none": (404, MISSING)},
        script=True,
        environment={"NEXT_TELEMETRY_DISABLED": "1"},
    ),
}


def write_project(recipe: Recipe, tools: Path, folder: Path) -> dict[str, str]:
    """Write a project to ``folder``; the variables that its tool wants, and where its programs are.

    Raises the outcome "skipped" where its tool cannot be had.
    """
    folder.mkdir()
    for path, text in recipe.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    if recipe.program:
        require_tool(recipe.program, package=recipe.program, optional=True)
        return dict(recipe.environment)
    home = _installed(recipe.family, tools)
    if recipe.family in FAMILIES:
        shutil.copy(home / "package.json", folder)
        (folder / "node_modules").symlink_to(home / "node_modules")
    return {**recipe.environment, "PROGRAMS": str(home / "bin")}


def _installed(family: str, tools: Path) -> Path:
    """The folder with the packages of ``family``; whoever comes first installs them."""
    home = tools / family
    tools.mkdir(parents=True, exist_ok=True)
    with (tools / f"{family}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = home / "installed"
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            if family in FAMILIES:
                npm = require_tool("npm", package="npm", optional=True)
                content = {"private": True, "type": "module", "dependencies": FAMILIES[family]}
                (home / "package.json").write_text(json.dumps(content))
                _run(home, npm, "install", "--no-audit", "--no-fund", "--prefer-offline")
            else:
                _run(home, sys.executable, "-m", "venv", str(home))
                _run(home, str(home / "bin" / "pip"), "install", "--quiet", family)
            done.touch()
    return home


def _run(folder: Path, *words: str) -> None:
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{words[0]}: not done in {INSTALL:.0f} s")
    if done.returncode:
        pytest.skip(f"{words[0]}: {done.stderr.strip()[-200:]}")
