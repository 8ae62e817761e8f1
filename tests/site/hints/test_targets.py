"""Targets: URLs, link-values (RFC 8288 section 3) and urgencies (RFC 9218 section 4.1)."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.hints.targets import (
    CrossOrigin,
    Destination,
    FetchPriority,
    Relation,
    make_target,
    normalise_url,
)
from h2static.site.limits import DEFAULTS


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a.css", "/a.css"),
        ("/a.css?v=1", "/a.css?v=1"),
        ("/a.css#part", "/a.css"),
        ("/a b.css", "/a%20b.css"),
        ("/é.css", "/%C3%A9.css"),
        ("/%c3%a9.css", "/%c3%a9.css"),
        ("/100%.css", "/100%25.css"),
        ("/a>b.css", "/a%3Eb.css"),
        ("/a/../b.css", "/b.css"),
        ("/../../b.css", "/b.css"),
        ("/a/./b/", "/a/b/"),
        ("/a/b/..", "/a/"),
        ("/a//b.css", "/a/b.css"),
        ("/a\\b.css", "/a%5Cb.css"),
        ("/.", "/"),
        ("  /a.css ", "/a.css"),
        ("https://CDN.example/x.js", "https://cdn.example/x.js"),
        ("https://cdn.example", "https://cdn.example/"),
        ("//cdn.example:8443/x.js?y", "//cdn.example:8443/x.js?y"),
        ("https://[::1]:8443/x.js", "https://[::1]:8443/x.js"),
    ],
)
def test_urls_are_normalised(written: str, sent: str) -> None:
    assert normalise_url(written) == sent


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        ("a.css", "does not start with /"),
        ("../a.css", "does not start with /"),
        ("?x", "does not start with /"),
        ("ftp://host/a", "scheme"),
        ("data:text/css,a", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("https:///a", "scheme"),
        ("https://user@host/a", "host"),
        ("https://ho st/a", "host"),
        ("https://[::1/a", "not a URL"),
        ("/a\r\nset-cookie: x", "control"),
        ("/a\0", "control"),
        ("/" + "a" * DEFAULTS.url, "limit"),
    ],
)
def test_what_is_no_target_is_refused(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        normalise_url(written)
    assert "\n" not in str(raised.value)


#: RFC 8288 section 3, for what this project sends.
LINK_VALUE = re.compile(
    rb"<[!-;=?-~]+>(; [a-z]+(=([!#$%&'*+\-.^_`|~0-9A-Za-z]+|\"([^\"\\]|\\[\"\\])*\"))?)+"
)


@given(
    st.one_of(st.text(), st.text(alphabet=string.printable), st.from_regex(r"//?[^\n]{0,20}")),
    st.one_of(st.none(), st.text(max_size=20)),
)
def test_whatever_is_written_a_target_is_safe_to_send(url: str, media: str | None) -> None:
    """RFC 9113 section 8.2.1: no field value has control characters, here also none but ASCII."""
    try:
        target = make_target(url, media=media)
    except ValueError:
        return
    assert re.fullmatch(rb"[!-~]+", target.path)
    assert b"<" not in target.path
    assert normalise_url(target.url) == target.url
    if target.link:
        assert LINK_VALUE.fullmatch(target.link)
        assert target.link.isascii()


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("/a.css", b"</a.css>; rel=preload; as=style"),
        ("/a.js", b"</a.js>; rel=preload; as=script"),
        ("/a.mjs", b"</a.mjs>; rel=modulepreload"),
        ("/a.woff2", b"</a.woff2>; rel=preload; as=font; crossorigin"),
        ("/a.json?x", b"</a.json?x>; rel=preload; as=fetch; crossorigin"),
        ("/a.SVG", b"</a.SVG>; rel=preload; as=image"),
        ("/a.vtt", b"</a.vtt>; rel=preload; as=track"),
        # Browsers preload neither pages nor films, and nothing without "as".
        ("/a.html", b""),
        ("/a.mp4", b""),
        ("/a", b""),
        ("/a.css/b", b""),
    ],
)
def test_what_is_not_said_follows_from_the_extension(url: str, link: bytes) -> None:
    assert make_target(url).link == link


def test_a_link_says_everything() -> None:
    target = make_target(
        "https://cdn.example/a",
        destination=Destination.STYLE,
        crossorigin=CrossOrigin.USE_CREDENTIALS,
        fetchpriority=FetchPriority.HIGH,
        type="text/css",
        media='(min-width: 40em) and "x"',
        integrity="sha256-abc=",
    )
    assert target.link == (
        b"<https://cdn.example/a>; rel=preload; as=style; crossorigin=use-credentials; "
        b'fetchpriority=high; type="text/css"; media="(min-width: 40em) and \\"x\\""; '
        b'integrity="sha256-abc="'
    )
    module = make_target("/a.js", relation=Relation.MODULE_PRELOAD)
    assert module.link == b"</a.js>; rel=modulepreload"


def test_a_parameter_that_no_field_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="media"):
        make_target("/a.css", media="scréen")


def test_only_the_own_origin_is_pushed() -> None:
    """RFC 9113 section 8.4: the server must be authoritative for what it promises."""
    assert make_target("/a.css").pushable
    assert not make_target("//host/a.css").pushable
    assert not make_target("https://host/a.css").pushable
    # Whether the query holds is known to the client only.
    assert not make_target("/a.css", media="print").pushable


@pytest.mark.parametrize(
    ("url", "parent", "urgency"),
    [
        ("/a.css", 3, 2),
        ("/a.js", 3, 2),
        ("/a.css", 0, 0),
        ("/a.mjs", 3, 4),
        ("/a.woff2", 3, 4),
        ("/a.png", 3, 5),
        ("/a.png", 6, 7),
        ("/a.html", 3, 4),
    ],
)
def test_what_blocks_rendering_comes_first(url: str, parent: int, urgency: int) -> None:
    assert make_target(url).urgency(parent) == urgency


def test_fetchpriority_moves_a_push() -> None:
    assert make_target("/a.png", fetchpriority=FetchPriority.HIGH).urgency(3) == 4
    assert make_target("/a.css", fetchpriority=FetchPriority.LOW).urgency(3) == 3
