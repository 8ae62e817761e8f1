"""What a reader of the repository relies on: files in their places, links that lead somewhere."""

from __future__ import annotations

import ast
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
WWW = REPOSITORY / "www"

#: About 500 lines are one job; more than this are two.
MODULE_LINES = 700
#: Tables: one row for each thing there is.
TABLES = frozenset({"h2static/options.py"})


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


def test_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    import h2static

    assert h2static.__version__ == project["version"]


def test_ci_script_can_be_run() -> None:
    assert (REPOSITORY / ".ci/run").stat().st_mode & 0o111


def test_make_targets_are_documented() -> None:
    text = (REPOSITORY / "Makefile").read_text()
    head = text[: text.index("\nVENV")]
    for target in re.findall(r"^#   make (\w+)", head, re.MULTILINE):
        assert re.search(rf"^{target}:", text, re.MULTILINE), target


@pytest.mark.parametrize(
    "path",
    python_files("h2static", "hpacktools"),
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_module_opens_with_its_contract_and_has_one_job(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    if str(path.relative_to(REPOSITORY)) not in TABLES:
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
