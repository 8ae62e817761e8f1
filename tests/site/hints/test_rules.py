"""Rules: the argument of -p, patterns, and which targets a path has."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.hints.rules import (
    ALWAYS,
    Condition,
    PushRule,
    PushRules,
    describe_missing,
    parse_push_option,
)
from h2static.site.hints.targets import make_target
from h2static.site.limits import DEFAULTS


def urls_for(rules: PushRules, path: bytes) -> list[str]:
    return [target.url for _, target in rules.entries_for(path)]


@pytest.mark.parametrize(
    ("text", "path", "urls"),
    [
        ("/=/a.css", "/", ["/a.css"]),
        ("/=/a.css,/b.js?v=1", "/", ["/a.css", "/b.js?v=1"]),
        ("/a%20b=/c", "/a b", ["/c"]),
        # The first "=" divides, as nghttpd has it.
        ("/x=/y?a=b", "/x", ["/y?a=b"]),
        ("/*=/a", "/*", ["/a"]),
    ],
)
def test_option_is_read(text: str, path: str, urls: list[str]) -> None:
    rule = parse_push_option(text)
    assert (rule.path, rule.pattern) == (path, False)
    assert [target.url for target in rule.targets] == urls


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/", "PATH=TARGET"),
        ("", "PATH=TARGET"),
        ("=/a", "does not start with /"),
        ("a=/b", "does not start with /"),
        ("/?x=/b", "query"),
        # nghttpd takes these and sends promises that clients refuse.
        ("/=", "empty"),
        ("/=/a,", "empty"),
        ("/=a", "does not start with /"),
        ("/=" + ",".join(["/a"] * (DEFAULTS.rule_targets + 1)), "limit"),
    ],
)
def test_wrong_option_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        parse_push_option(text)
    assert "\n" not in str(raised.value)


def test_rules_for_one_path_add_up_in_their_order() -> None:
    """nghttpd: the same PATH given twice appends."""
    rules = PushRules(map(parse_push_option, ["/=/b,/a", "/x=/c", "/=/d,/b"]))
    assert urls_for(rules, b"/") == ["/b", "/a", "/d"]
    assert urls_for(rules, b"/x") == ["/c"]
    assert urls_for(rules, b"/y") == []


def test_a_star_of_the_option_is_itself() -> None:
    rules = PushRules([parse_push_option("/*=/a")])
    assert urls_for(rules, b"/*") == ["/a"]
    assert urls_for(rules, b"/x") == []


def test_a_page_does_not_bring_itself() -> None:
    rules = PushRules([PushRule(path="/**", pattern=True, targets=(make_target("/%61.css?x"),))])
    assert urls_for(rules, b"/a.css") == []
    assert urls_for(rules, b"/") == ["/a.css?x".replace("a", "%61")]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/docs/*", b"/docs/a.html", True),
        ("/docs/*", b"/docs/", True),
        ("/docs/*", b"/docs/a/b", True),
        ("/docs/**", b"/docs/a/b", True),
        ("/docs/*", b"/docs", False),
        ("/*", b"/\n", True),
        ("*.html", b"/x/a.html", True),
        ("/*.html", b"/axhtml", False),
        ("/a.html", b"/a.html", True),
        ("/[a]", b"/a", False),
        ("/[a]", b"/[a]", True),
        ("/é*", "/éa".encode(), True),
    ],
)
def test_patterns_are_those_of_other_rules(pattern: str, path: bytes, matches: bool) -> None:
    rules = PushRules([PushRule(path=pattern, pattern=True, targets=(make_target("/t.css"),))])
    assert bool(rules.entries_for(path)) is matches


def test_too_many_rules_are_refused() -> None:
    rule = parse_push_option("/=/a")
    assert len(PushRules([rule] * DEFAULTS.rules).rules) == DEFAULTS.rules
    with pytest.raises(ValueError, match=str(DEFAULTS.rules)):
        PushRules([rule] * (DEFAULTS.rules + 1))


PATHS = st.sampled_from(["/", "/a", "/a/b", "/a/c", "/b", "/a/b/c"])
PATTERNS = st.sampled_from(["/", "/a", "/*", "/**", "/a/*", "*b", "/*/b", "/a/b"])
TARGETS = st.lists(st.sampled_from(["/1.css", "/2.js", "/a", "/3.png"]), max_size=3, unique=True)
RULES = st.lists(st.tuples(PATTERNS, st.booleans(), st.sampled_from([None, True]), TARGETS))


@given(RULES, PATHS)
def test_entries_are_what_the_rules_say(
    written: list[tuple[str, bool, bool | None, list[str]]], path: str
) -> None:
    """The oracle goes through all rules for every path, and knows patterns as expressions."""
    rules = PushRules(
        PushRule(
            path=place,
            pattern=pattern,
            condition=Condition(navigation=navigation),
            targets=tuple(map(make_target, targets)),
        )
        for place, pattern, navigation, targets in written
    )
    expected = []
    for place, pattern, navigation, targets in written:
        expression = place.replace("*", ".*") if place[0] == "/" else ".*" + place.strip("*")
        if re.fullmatch(expression, path) if pattern else place == path:
            expected += [(navigation, url) for url in targets if url != path]
    found = [
        (condition.navigation, target.url) for condition, target in rules.entries_for(path.encode())
    ]
    assert found == list(dict.fromkeys(expected))


def test_missing_targets_are_reported_and_dropped() -> None:
    rules = PushRules(
        map(parse_push_option, ["/=/here.css?v=1,/gone.css", "/x=/gone.css,https://other/y.css"])
    )
    asked: list[bytes] = []

    def exists(path: bytes) -> bool:
        asked.append(path)
        return path == b"/here.css"

    gone = rules.missing(exists)
    assert asked == [b"/here.css", b"/gone.css"]
    assert describe_missing(gone) == [
        "push rule for /: /gone.css does not exist",
        "push rule for /x: /gone.css does not exist",
    ]
    left = rules.without(gone)
    assert urls_for(left, b"/") == ["/here.css?v=1"]
    assert urls_for(left, b"/x") == ["https://other/y.css"]


@pytest.mark.parametrize("navigation", [True, False])
@pytest.mark.parametrize("first_visit", [True, False])
def test_conditions(navigation: bool, first_visit: bool) -> None:
    def holds(condition: Condition) -> bool:
        return condition.holds(navigation=navigation, first_visit=first_visit)

    assert holds(ALWAYS)
    assert holds(Condition(navigation=True)) is navigation
    assert holds(Condition(navigation=False)) is not navigation
    assert holds(Condition(first_visit=True)) is first_visit
    assert holds(Condition(navigation=navigation, first_visit=not first_visit)) is False
