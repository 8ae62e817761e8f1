"""The hooks of the site: links of the repository become links of the site, and nothing is foreign.

That the site builds without a warning is shown by ``make docs``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="it comes with the dependency group docs")

from docs.site_hooks import DOCUMENTS, ROOT, foreign, rewritten


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("deploy.md", "how-to/cdn.md#x", "how-to/cdn.md#x"),
        ("deploy.md", "../SECURITY.md", "security-policy.md"),
        ("how-to/haproxy.md", "../../deploy/compose.yaml", "../source/deploy/compose.yaml.txt"),
        ("contributing/index.md", "docs/hosts.md#ports", "../hosts.md#ports"),
        ("contributing/index.md", "changes/README.md", "changes.md"),
        ("hpack.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("hpack.md", "#blocks", "#blocks"),
    ],
)
def test_links_of_the_repository(page: str, link: str, expected: str) -> None:
    assert rewritten(f"see [`it`]({link}).", page)[0] == f"see [`it`]({expected})."


def test_folders_become_text() -> None:
    assert rewritten("in [`deploy/`](../deploy)", "deploy.md") == ("in `deploy/`", set())


def test_files_are_copied() -> None:
    text = "![a](dev-missing-dark.png) [b](../examples/h2_server.py)"
    assert rewritten(text, "index.md")[1] == {"examples/h2_server.py"}


@pytest.mark.parametrize("text", ["```\n[a](../SECURITY.md)\n```", "`[a](../SECURITY.md)`"])
def test_code_stays(text: str) -> None:
    assert rewritten(text, "index.md") == (text, set())


def test_documents_are_there() -> None:
    for document in DOCUMENTS:
        assert (ROOT / document).is_file()


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.html", '<script src="https://cdn.test/a.js"></script>', ["https://cdn.test/a.js"]),
        ("a.html", '<link rel="stylesheet" href="//fonts.test/a">', ["//fonts.test/a"]),
        ("a.html", '<a href="https://example.org/">a link</a><img src="a.png">', []),
        ("a.css", "@import 'https://fonts.test/a.css';", ["https://fonts.test/a.css"]),
        ("a.css", "a { background: url(data:image/png;base64,AA) }", []),
    ],
)
def test_what_is_fetched_from_other_hosts(
    tmp_path: Path, name: str, text: str, found: list[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert foreign(tmp_path / name) == found
