"""What is not served never reloads a page, and what is served does, by whatever way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from h2static.dev.ignore import IgnoreRules
from h2static.dev.tree import Tree
from h2static.site import Site, SiteConfig
from h2static.site.rules import parse_error_page
from tests.dev.support import request
from tests.dev.watching import settle, watching
from tests.support.edits import replace
from tests.support.exchange import ask


def site_of(root: Path, **values: object) -> Site:
    config = SiteConfig(root=str(root), **values)  # type: ignore[arg-type]  # by name
    return Site(config, clock=time.time)


def tree_of(root: Path, site: Site) -> Tree:
    tree = Tree(str(root), IgnoreRules(concerns=site.concerns))
    tree.scan()
    return tree


def write(root: Path, name: str, content: str = "1") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


#: What tools write beside a site, and what is served.
NAMES = {
    ".env": False,
    ".eslintcache": False,
    ".angular/cache/17.0/babel/x.json": False,
    ".next/cache/webpack/x.pack": False,
    ".well-known/security.txt": True,
    ".well-known/.hidden": False,
    "sub/.stylelintcache": False,
    "sub/.well-known/x": True,
    "sub/.x/y.css": False,
    "index.html": True,
    "a.b.css": True,
    "..x": False,
}


def test_what_is_served_and_what_reloads_is_the_same(tmp_path: Path) -> None:
    for name in NAMES:
        write(tmp_path, name)
    site = site_of(tmp_path)
    tree = tree_of(tmp_path, site)
    served = {name: ask(site, request(b"/" + name.encode())).status == 200 for name in NAMES}
    assert served == NAMES
    for name in NAMES:
        write(tmp_path, name, "22")
    assert [change.path for change in tree.refresh([""])] == sorted(n for n in NAMES if NAMES[n])
    for name in NAMES:
        write(tmp_path, name, "333")
    assert [change.path for change in tree.refresh(NAMES)] == sorted(n for n in NAMES if NAMES[n])
    # And folders with nothing to serve are not watched.
    assert {folder for folder in tree.folders if "/." in f"/{folder}"} == {
        ".well-known",
        "sub/.well-known",
    }


def test_a_file_that_an_option_names_is_served_whatever_its_name(tmp_path: Path) -> None:
    for name in (".pages/404.html", ".pages/other.html", ".app.html"):
        write(tmp_path, name)
    pages = (parse_error_page("404=.pages/404.html"),)
    tree = tree_of(tmp_path, site_of(tmp_path, error_page=pages, spa="/.app.html"))
    for name in (".pages/404.html", ".pages/other.html", ".app.html"):
        write(tmp_path, name, "22")
    assert [change.path for change in tree.refresh([""])] == [".app.html", ".pages/404.html"]


def test_rules_of_the_owner_reload_though_they_are_not_served(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, site_of(tmp_path, netlify=True))
    write(tmp_path, "_headers", "/*\n  A: b\n")
    assert [change.path for change in tree.refresh(["_headers"])] == ["_headers"]


def test_what_tools_write_reloads_nothing(tmp_path: Path) -> None:
    """With the system's own notices; another file comes after, so that silence is no luck."""
    (tmp_path / ".angular" / "cache").mkdir(parents=True)
    ignore = IgnoreRules(concerns=site_of(tmp_path).concerns)
    with watching(tmp_path, ignore=ignore) as recorder:
        settle(recorder)
        for name in (".eslintcache", ".angular/cache/x", ".env", ".new/folder/x"):
            replace(write(tmp_path, name), "x")
        replace(tmp_path / "a.css", "a{}")
        assert recorder.next_paths() == ["a.css"]


# ---------------------------------------------------------------- links through hidden names


def config_map(root: Path) -> None:
    """Files as Kubernetes mounts them: links to ``..data``, which is a link to a folder."""
    write(root, "..1/index.html", "old")
    (root / "..data").symlink_to("..1")
    (root / "index.html").symlink_to("..data/index.html")


def swap(root: Path, number: int) -> None:
    """Have ``..data`` lead to another folder, and remove the one before."""
    write(root, f"..{number}/index.html", f"new {number}")
    (root / "..data_tmp").symlink_to(f"..{number}")
    os.rename(root / "..data_tmp", root / "..data")
    for file in (root / f"..{number - 1}").iterdir():
        file.unlink()
    (root / f"..{number - 1}").rmdir()


@pytest.mark.parametrize("told", ["..data", "..data_tmp"])
def test_a_link_on_the_way_is_swapped(tmp_path: Path, told: str) -> None:
    config_map(tmp_path)
    site = site_of(tmp_path)
    assert ask(site, request(b"/")).status == 200
    tree = tree_of(tmp_path, site)
    swap(tmp_path, 2)
    assert [change.path for change in tree.refresh([told])] == ["index.html"]
    assert len(tree) == 1
    # Its present place is known, and the one before is forgotten.
    assert tree.places() == {str(tmp_path), f"{tmp_path}/..2"}
    assert tree.names(f"{tmp_path}/..2/index.html") >= {"index.html"}


def test_swapped_again_and_again_while_it_is_watched(tmp_path: Path) -> None:
    config_map(tmp_path)
    ignore = IgnoreRules(concerns=site_of(tmp_path).concerns)
    with watching(tmp_path, ignore=ignore) as recorder:
        for number in (2, 3, 4):
            settle(recorder)
            swap(tmp_path, number)
            assert recorder.next_paths() == ["index.html"]
        settle(recorder)
        replace(tmp_path / "..4" / "index.html", "in place")
        assert recorder.next_paths() == ["index.html"]


def test_a_hidden_folder_that_a_link_serves(tmp_path: Path) -> None:
    write(tmp_path, ".theme/deep/a.css")
    (tmp_path / "theme").symlink_to(".theme")
    site = site_of(tmp_path)
    assert ask(site, request(b"/theme/deep/a.css")).status == 200
    assert ask(site, request(b"/.theme/deep/a.css")).status == 404
    tree = tree_of(tmp_path, site)
    write(tmp_path, ".theme/deep/a.css", "22")
    (path,) = tree.names(f"{tmp_path}/theme/deep/a.css")
    assert [change.path for change in tree.refresh([path])] == ["theme/deep/a.css"]
    # Told by its real name, as macOS does.
    assert tree.names(f"{tmp_path}/.theme/deep/a.css") == {"theme/deep/a.css"}
    with watching(tmp_path, ignore=IgnoreRules(concerns=site.concerns)) as recorder:
        settle(recorder)
        replace(tmp_path / ".theme" / "deep" / "a.css", "333")
        assert recorder.next_paths() == ["theme/deep/a.css"]


def test_files_beside_links_are_no_reason_to_look_at_everything(tmp_path: Path) -> None:
    """A cache that a tool writes all the time costs nothing."""
    config_map(tmp_path)
    for number in range(20):
        write(tmp_path, f"{number}.css")
    tree = tree_of(tmp_path, site_of(tmp_path))
    write(tmp_path, "0.css", "22")
    write(tmp_path, ".eslintcache")
    assert tree.refresh([".eslintcache"]) == []
