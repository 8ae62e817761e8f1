"""Hints for responses, from rules and from pages; the rules that a folder implies."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from h2static.site.config import HintSource
from h2static.site.hints.delivery import PushHints, PushMode
from h2static.site.hints.export import rules_of_folder
from h2static.site.hints.planner import PushConfig, PushPlanner
from h2static.site.hints.rule_files import read_push_rules
from h2static.site.hints.rules import Condition, parse_push_option
from h2static.site.limits import SiteLimits
from tests.site.harness import Clock, make_client, write
from tests.site.hints.support import not_looked_at

PAGE = (
    b"<link rel=stylesheet href=a.css><script src=/b.js></script><link rel=preload as=image href=/>"
)
NAVIGATION = Condition(navigation=True)


class Page:
    """A page that counts how often it is read."""

    def __init__(self, html: bytes = PAGE) -> None:
        self.html = html
        self.readings = 0

    def read(self) -> bytes:
        self.readings += 1
        return self.html


def planner_of(config: PushConfig) -> PushPlanner:
    return PushPlanner(config, not_looked_at)


def urls(hints: PushHints | None) -> list[str]:
    return [target.url for _, target in hints.entries] if hints else []


def test_rules_alone() -> None:
    planner = planner_of(PushConfig(rules=(parse_push_option("/=/x.css"),)))
    page = Page()
    assert planner.active
    assert urls(planner.hints_for(b"/", b'"1"', page.read)) == ["/x.css"]
    assert planner.hints_for(b"/other", b'"1"', page.read) is None
    assert page.readings == 0


def test_nothing_to_do() -> None:
    assert not planner_of(PushConfig()).active
    assert planner_of(PushConfig(from_html=True)).active


def test_pages_are_read_once_for_each_version() -> None:
    planner = planner_of(PushConfig(from_html=True))
    page = Page()
    first = planner.hints_for(b"/d/", b'"1"', page.read)
    assert planner.hints_for(b"/d/", b'"1"', page.read) is first
    assert urls(first) == ["/d/a.css", "/b.js", "/"]
    assert page.readings == 1
    page.html = b"no links"
    assert planner.hints_for(b"/d/", b'"2"', page.read) is None
    assert planner.hints_for(b"/d/", b'"2"', page.read) is None
    assert page.readings == 2
    assert planner.hints_for(b"/a.css", b'"1"', None) is None


def test_a_page_does_not_bring_itself() -> None:
    planner = planner_of(PushConfig(from_html=True))
    assert urls(planner.hints_for(b"/", b'"1"', Page().read)) == ["/a.css", "/b.js"]


def test_what_a_rule_names_is_not_read_from_the_page_too() -> None:
    rules = (parse_push_option("/p.html=/b.js,/x.png"),)
    planner = planner_of(PushConfig(rules=rules, from_html=True))
    hints = planner.hints_for(b"/p.html", b'"1"', Page().read)
    assert hints is not None
    assert urls(hints) == ["/b.js", "/x.png", "/a.css", "/"]
    assert [condition.navigation for condition, _ in hints.entries] == [None, None, True, True]


def test_paths_of_pages_are_encoded_again() -> None:
    planner = planner_of(PushConfig(from_html=True))
    assert urls(planner.hints_for("/é /p".encode(), b"1", Page().read))[0] == "/%C3%A9%20/a.css"
    assert urls(planner.hints_for(b"/\xff?/p", b"1", Page().read))[0] == "/%FF%3F/a.css"


def test_the_number_of_remembered_pages_is_limited() -> None:
    planner = PushPlanner(PushConfig(from_html=True), not_looked_at, SiteLimits(hint_pages=2))
    page = Page()
    for path in (b"/1", b"/2", b"/1", b"/3", b"/2"):
        planner.hints_for(path, b"", page.read)
    assert page.readings == 3
    planner.hints_for(b"/1", b"", page.read)
    assert page.readings == 4


def test_off_is_off() -> None:
    rules = (parse_push_option("/=/x.css"),)
    planner = planner_of(PushConfig(rules=rules, from_html=True, mode=PushMode.OFF))
    assert not planner.active
    assert planner.hints_for(b"/", b"", Page().read) is None


@pytest.mark.parametrize("cache_size", [0, 1024])
def test_a_page_keeps_its_hints_when_its_octets_made_room(root: Path, cache_size: int) -> None:
    write(root, "index.html", PAGE)
    clock = Clock()
    clock.settle()
    client = make_client(root, clock, cache_size=cache_size, hints=HintSource.AUTO)
    for _ in range(3):
        hints = client.get("/").hints
        assert isinstance(hints, PushHints)
        assert urls(hints) == ["/a.css", "/b.js"]
        client.site.forget()


def test_missing_targets_are_dropped() -> None:
    rules = (parse_push_option("/=/x.css,/y.css"),)
    planner = planner_of(PushConfig(rules=rules))
    assert list(planner.drop_missing(lambda path: path == b"/y.css")) == [
        "push rule for /: /x.css does not exist"
    ]
    assert urls(planner.hints_for(b"/", b"")) == ["/y.css"]


def test_rules_of_the_example_site_can_be_read_again() -> None:
    www = Path(__file__).resolve().parents[3] / "www"
    rules = read_push_rules(rules_of_folder(www), "rules.json")
    assert [rule.path for rule in rules] == ["/", "/404.html", "/hpack/"]
    planner = planner_of(PushConfig(from_html=True))
    for rule in rules:
        index = "index.html" if rule.path.endswith("/") else ""
        page = www / (rule.path[1:] + index)
        hints = planner.hints_for(rule.path.encode(), b"", page.read_bytes)
        assert hints is not None
        assert rule.condition == NAVIGATION
        assert [target.link for target in rule.targets] == [
            target.link for _, target in hints.entries
        ]


def test_folder_s_rules_say_what_is_not_obvious(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a b.html").write_bytes(
        b"<link rel=stylesheet href=x.css media=print integrity=sha256-a fetchpriority=low>"
        b"<script type=module src=x.js crossorigin=use-credentials></script>"
        b"<link rel=preload as=font href=x>"
        b"<link rel=stylesheet href=/plain.css>"
    )
    (tmp_path / "empty.html").write_bytes(b"nothing")
    (tmp_path / ".hidden.html").write_bytes(PAGE)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/x.html").write_bytes(PAGE)
    (tmp_path / "link.html").symlink_to(tmp_path / "sub/a b.html")
    os.mkfifo(tmp_path / "fifo.html")
    assert json.loads(rules_of_folder(tmp_path)) == {
        "rules": [
            {
                "path": "/sub/a%20b.html",
                "when": {"navigation": True},
                "targets": [
                    {
                        "href": "/sub/x.css",
                        "fetchpriority": "low",
                        "media": "print",
                        "integrity": "sha256-a",
                    },
                    {
                        "href": "/sub/x.js",
                        "rel": "modulepreload",
                        "crossorigin": "use-credentials",
                    },
                    {"href": "/sub/x", "as": "font", "crossorigin": "anonymous"},
                    "/plain.css",
                ],
            }
        ]
    }


def test_another_index_is_the_folder_too(tmp_path: Path) -> None:
    (tmp_path / "main.htm").write_bytes(PAGE)
    text = rules_of_folder(tmp_path, index="main.htm")
    assert json.loads(text)["rules"][0]["path"] == "/"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"\xff.html"), "wb") as file:
        file.write(PAGE)
    (rule,) = read_push_rules(rules_of_folder(tmp_path), "f")
    assert rule.path.encode("utf-8", "surrogateescape") == b"/\xff.html"


def test_folders_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rules_of_folder(tmp_path / "missing")
    (tmp_path / "a.html").touch()
    (tmp_path / "b.html").touch()
    with pytest.raises(ValueError, match="more than 1 pages"):
        rules_of_folder(tmp_path, limits=SiteLimits(exported_pages=1))
