"""What does not count as a change."""

from __future__ import annotations

import pytest

from h2static.dev.ignore import IgnoreRules


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("index.html", False),
        ("css/a.css", False),
        (".well-known/x", False),
        (".git/HEAD", True),
        ("a/node_modules/b/c.js", True),
        ("node_modules_mine/a.js", False),
        ("index.html~", True),
        (".#index.html", True),
        ("#index.html#", True),
        (".index.html.swp", True),
        (".index.html.swx", True),
        ("4913", True),
        ("a.css___jb_tmp___", True),
        (".DS_Store", True),
        ("dist/a.js", True),
        ("src/dist/a.js", True),
        ("docs/build/a.html", True),
        ("build/a.html", False),
        ("docs/build2/a.html", False),
        ("a.map", True),
    ],
)
def test_paths(path: str, ignored: bool) -> None:
    rules = IgnoreRules(("dist/", "*.map", "docs/build"))
    assert rules.ignores(path) is ignored
    folder, _, name = path.rpartition("/")
    if not rules.ignores(folder or "x"):
        assert rules.ignores_entry(folder, name) is ignored
