"""The page of explained blocks, and the life of the table that it draws."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser

import pytest

from hpacktools import Deflater, explain
from hpacktools.cli import inflate_main
from hpacktools.codec import EMPTY_TABLE, Field
from hpacktools.explanation_html import render
from hpacktools.table_life import ExplainedStory
from tests.hpacktools.cli.running import run


def story(*blocks: str) -> ExplainedStory:
    result = ExplainedStory("x", "request")
    table = EMPTY_TABLE
    for number, block in enumerate(blocks):
        explanation = explain(bytes.fromhex(block), table)
        table = explanation.table
        result.add(f"case {number}", explanation)
    return result


def test_life_of_entries() -> None:
    """Sizes 34 each; the third case evicts by insertion, the fourth by a size update."""
    life = story(
        "3f25 4001610162",  # at most 68 octets
        "be 7e0163",  # uses (a, b), inserts (a, c) with its name
        "bf 4001640165",  # uses (a, b) before it is evicted
        "203f25 82",
    )
    first, second, third = life.entries
    assert [entry.field for entry in life.entries] == [(b"a", b"b"), (b"a", b"c"), (b"d", b"e")]
    assert (first.inserted, first.uses, first.name_uses, first.evicted) == (0, [1, 2], [1], 2)
    assert (second.inserted, second.uses, second.evicted, second.wasted) == (1, [], 3, True)
    assert (third.inserted, third.evicted, third.wasted) == (2, 3, True)
    assert [(moment.size, moment.maximum) for moment in life.moments] == [
        (34, 68),
        (68, 68),
        (68, 68),
        (0, 68),
    ]


def test_an_entry_larger_than_the_table_has_no_life() -> None:
    life = story("3f01 4001610162")
    assert life.entries == []


def test_lengths_are_of_what_was_decoded() -> None:
    life = story("82", "4001610162", "80")
    life.add("case 3", "not decoded")
    assert life.input_length() == len(b":methodGET") + 2
    assert life.output_length() == 6
    assert [case.fields for case in life.as_cases()] == [((b":method", b"GET"),), ((b"a", b"b"),)]
    assert len(life.moments) == 4


class _Checker(HTMLParser):
    """Whether every element is closed, and what it loads."""

    VOID = frozenset(["meta", "br", "circle", "path"])

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            assert name not in ("src", "onload", "onclick")
            if name == "id":
                assert value not in self.ids
                self.ids.add(str(value))
            if name == "href":
                self.links.add(str(value))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID

    def handle_endtag(self, tag: str) -> None:
        # A paragraph need not be closed.
        while self.open[-1] == "p" != tag:
            self.open.pop()
        assert self.open.pop() == tag


def checked(page: str) -> _Checker:
    checker = _Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    assert "script" not in checker.tags
    assert all(link.startswith("#") and link[1:] in checker.ids for link in checker.links)
    return checker


def test_page() -> None:
    page = render([(story("82 4001610162", "be", "7e0163"), 8)])
    checker = checked(page)
    assert checker.links == {"#s0c0r0", "#s0c0r1", "#s0c1r0", "#s0c2r0"}
    assert "prefers-color-scheme: dark" in page
    assert "lower bound" in page
    assert "octets, ratio 0.500, 25% above" in page
    # The octets of a string are apart from what stands before them.
    assert '<i title="length of the name">01</i> <span title="name, plain">61</span>' in page
    assert "2 entries in 3 cases; 0 were evicted, 1 never used" in page
    assert "used 1 times, only its name 1 times" in page


def test_no_bound() -> None:
    assert "The lower bound is shown if scipy is installed" in render([(story("82"), None)])


def test_what_a_peer_sent_is_text() -> None:
    fields: list[Field] = [(b"<b>", b'"<script>alert(1)</script>&'), (b"\xff\x00", b"\x1b]0;x")]
    block = Deflater(strategy="linear").deflate(fields)
    page = render([(story(block.hex()), None)])
    checked(page)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page


def test_errors_are_on_the_page() -> None:
    life = story("82", "8280")
    life.add("case 2", "not decoded: <x>")
    page = render([(life, None)])
    checked(page)
    assert "Octet 1: an indexed field with index 0 (RFC 7541 section 6.1)" in page
    assert "not decoded: &lt;x&gt;" in page


def test_long_stories_are_cut() -> None:
    deflater = Deflater(strategy="linear")
    blocks = [deflater.deflate([(b"x", b"%d" % number)] * 1).hex() for number in range(700)]
    page = render([(story(*blocks), None)])
    checked(page)
    assert "500 more cases are not shown." in page
    assert "300 more entries are not drawn." in page
    assert len(page) < 2_000_000


@pytest.mark.parametrize("count", [1, 2, 30, 100, 599])
def test_numbers_of_cases_do_not_touch(count: int) -> None:
    page = render([(story("4001610162", *["82"] * (count - 1)), None)])
    numbers = re.findall(r'<text class="soft" x="([0-9.]+)" y="85" text-anchor="middle">', page)
    places = list(map(float, numbers))
    assert places
    assert all(right - left >= 28 for left, right in itertools.pairwise(places))


def test_command() -> None:
    cases = json.dumps({"cases": [{"wire": "4001610162"}, {"wire": "be"}, {"wire": "80"}]})
    result = run(inflate_main, "--explain", "--html", stdin=cases)
    assert result.code == 1
    assert result.out.startswith("<!doctype html>\n")
    checked(result.out)
    assert "case 2: an indexed field with index 0" in result.err


def test_command_without_any_usable_input() -> None:
    result = run(inflate_main, "--explain", "--html", stdin="{}")
    assert (result.code, result.out) == (2, "")


def test_from_the_middle() -> None:
    result = run(
        inflate_main, "--explain", "--html", "--from", "hex", "--from-the-middle", stdin="c0 be"
    )
    assert result.code == 0
    checked(result.out)
    assert "(unknown)" in result.out
