"""What the documentation site adds to the pages of ``docs/``; MkDocs calls these hooks.

Contract: the pages in ``docs/`` are written to be read in a checkout, where links lead to files of
the repository.  On the site the same links work: documents beside ``docs/`` (CONTRIBUTING.md, ...)
become pages, other files that pages link to are copied below ``source/``, and links to folders
become plain text.  A page that would make a browser ask another host for anything fails the build.

Strategy: one function, :func:`rewritten`, resolves every link of a page against the repository.
"""

from __future__ import annotations

import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent

#: Documents beside ``docs/``, and the pages that they become.
DOCUMENTS = {
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing/index.md",
    "SECURITY.md": "security-policy.md",
    "adapters/README.md": "hpack-adapters.md",
    "changes/README.md": "contributing/changes.md",
    "hpack-test-case/README.md": "hpack-vectors.md",
    "hpack-test-case/qpack/README.md": "qpack-vectors.md",
}
_ORIGINS = {page: document for document, page in DOCUMENTS.items()}

_FENCED = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(``.+?``|`[^`\n]+`)")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
#: What a browser fetches by itself, by element; ``href`` of links in the text is not among it.
_FETCHED = {"img": "src", "script": "src", "iframe": "src", "source": "src"}
_STYLE_URL = re.compile(r"""(?:url\(|@import\s+)["']?((?:https?:)?//[^"')]+)""")


def origin_of(page: str) -> str:
    """The file of the repository that the page ``page`` (its path below ``docs/``) is made of."""
    return _ORIGINS.get(page, f"docs/{page}")


def _copy_of(path: str) -> str:
    """Where a file of the repository is on the site: shown as text, unless it is a picture."""
    return f"source/{path}" if path.endswith(".svg") else f"source/{path}.txt"


def rewritten(markdown: str, page: str) -> tuple[str, set[str]]:
    """``markdown`` with links for the site, and the files to be copied below ``source/``."""
    copied: set[str] = set()
    folder = posixpath.dirname(origin_of(page))

    def link(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        url = urlsplit(target)
        if url.scheme or url.netloc or not url.path:
            return match[0]
        path = posixpath.normpath(posixpath.join(folder, url.path))
        if path in DOCUMENTS:
            there = DOCUMENTS[path]
        elif path.startswith("docs/") and not path.endswith((".py", ".toml")):
            there = path.removeprefix("docs/")
        elif (ROOT / path).is_file():
            copied.add(path)
            there = _copy_of(path)
        else:
            return text
        relative = posixpath.relpath(there, posixpath.dirname(page) or ".")
        fragment = f"#{url.fragment}" if url.fragment else ""
        return f"{image}[{text}]({relative}{fragment})"

    pieces = _FENCED.split(markdown)
    for number in range(0, len(pieces), 2):
        parts = _CODE.split(pieces[number])
        if any("](" in part for part in parts):
            pieces[number] = _outside_code(pieces[number], link)
    return "".join(pieces), copied


def _outside_code(text: str, link: Any) -> str:
    """``text`` with its links replaced; a link whose text is code is a link, too."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = _LINK.sub(link, _CODE.sub(hide, text))
    return re.sub("\0([0-9]+)\0", lambda match: kept[int(match[1])], text)


def on_config(config: Any) -> Any:
    """Add the pages about writing, where they are, to the navigation."""
    docs = ROOT / "docs"
    found = [*docs.glob("style.md"), *sorted(docs.glob("contributing/*.md"))]
    for section in config.nav:
        if "Project" in section:
            section["Project"][2:2] = [path.relative_to(docs).as_posix() for path in found]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the documents beside ``docs/``, and what pages link to."""
    for document, page in DOCUMENTS.items():
        text = (ROOT / document).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    copied: set[str] = set()
    for file in files.documentation_pages():
        copied |= rewritten(file.content_string, file.src_uri)[1]
    for path in sorted(copied):
        text = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, _copy_of(path), content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let links lead to pages of the site."""
    del config, files
    return rewritten(markdown, page.file.src_uri)[0]


class Fetched(HTMLParser):
    """URLs that a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what ``tag`` has fetched."""
        values = dict(attrs)
        name = _FETCHED.get(tag)
        if tag == "link" and values.get("rel") != "canonical":
            name = "href"
        if name and (url := values.get(name)):
            self.urls.append(url)


def foreign(path: Path) -> list[str]:
    """What of the built file ``path`` is fetched from other hosts."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        return _STYLE_URL.findall(text)
    parser = Fetched()
    parser.feed(text)
    return [url for url in parser.urls if urlsplit(url).netloc]


def on_post_build(config: Any) -> None:
    """Raise :class:`PluginError` where the site is not complete by itself."""
    site = Path(config.site_dir)
    for path in (*site.rglob("*.html"), *site.rglob("*.css")):
        if found := foreign(path):
            raise PluginError(f"{path}: fetched from another host: {found}")
