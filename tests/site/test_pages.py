"""The server's own pages."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser

import pytest

from h2static.site.listing import Entry, Listing, listing_page, readable_size
from h2static.site.pages import REASONS, ErrorPages, error_page, page


class Checker(HTMLParser):
    """Collects tags and finds elements that were not closed."""

    VOID = frozenset(("meta", "br", "link", "img"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(octets: bytes) -> Checker:
    """Read a page; it must be well formed, and load and run nothing."""
    text = octets.decode("utf-8")
    assert text.startswith("<!doctype html>\n")
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open
    assert not {"script", "link", "img", "iframe", "base"} & set(checker.seen)
    assert not any(name.startswith("on") or name == "src" for name, _ in checker.attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme:dark" in text
    return checker


@pytest.mark.parametrize("status", [*REASONS, 418])
def test_error_pages_are_small_and_complete(status: int) -> None:
    octets = error_page(status)
    check(octets)
    assert str(status).encode() in octets
    assert REASONS.get(status, "Error").encode() in octets
    assert len(octets) < 1500


def test_a_title_is_escaped() -> None:
    assert b"<title>&lt;b&gt;&amp;</title>" in page("<b>&", "")


def test_compressed_pages() -> None:
    pages = ErrorPages()
    plain, coding = pages.get(404, None)
    assert coding is None
    packed, coding = pages.get(404, b"gzip, br")
    assert coding == b"gzip"
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain)
    assert pages.get(404, b"br") == (plain, None)
    # Made once: responses compare their bodies by identity first.
    assert pages.get(404, None)[0] is plain


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (2**70, "1024.0 EiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert readable_size(size) == text


def test_a_listing_links_every_part_of_its_path() -> None:
    names = (b"a&b", b"<c>", b"d")
    packed = [Entry(b"'\".txt", False, 5, -1).pack(), Entry(b"sub", True, 0, 0).pack()]
    octets = bytes(listing_page(Listing(names=names, packed=packed)))
    checker = check(octets)
    targets = [value for name, value in checker.attributes if name == "href"]
    assert targets == ["/.", "/a%26b/", "/a%26b/%3Cc%3E/", "../", "sub/", "%27%22.txt"]
    assert re.search(rb"<title>/a&amp;b/&lt;c&gt;/d/</title>", octets)


def test_the_root_has_no_parent() -> None:
    checker = check(bytes(listing_page(Listing(names=(), packed=()))))
    assert [value for name, value in checker.attributes if name == "href"] == []
