"""The place of the client's script element, and who gets it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.dev.injection import inject, script_element, wants_client
from h2static.http.messages import Request

#: ``@`` marks where the element goes.
PLACES = [
    "<!DOCTYPE html><html><head>@<title>a</title></head><body></body></html>",
    "<!doctype html>\n<html lang='a>b'>\n<head profile=\"x>y\">@\n<base href='//other'>",
    "<!doctype html>\n<html>@\n<body>no head",
    "<!doctype html>@\n<title>neither</title><p>html nor head nor body",
    "<!doctype html>@\nplain",
    "<HTML><HEAD>@<TITLE>old</TITLE>",
    "@<p>a fragment as a document",
    "@just text",
    "@",
    "\ufeff<!doctype html>@<p>",
    "\ufeff@text",
    "<!-- before --><!doctype html><!-- <head> --><html><head>@",
    "<!-->\n<!doctype html>@<p>",
    "<!-- a --!><!doctype html>@<p>",
    "@<!-- never closed <head>",
    "<!doctype html>@<header>not a head</header>",
    "<!doctype html>@<htmlx>",
    (
        '<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x">'
        '<html xmlns="http://www.w3.org/1999/xhtml"><head>@<title/></head></html>'
    ),
    '<!DOCTYPE html [<!ENTITY a "b">]><html>@<body>',
    "<!doctype html>@<script>'<head>'</script><head>",
    "<html><head/>@<title>",
]


@pytest.mark.parametrize("marked", PLACES)
def test_place(marked: str) -> None:
    before, _, after = marked.partition("@")
    expected = before + script_element(None) + after
    assert inject((before + after).encode()) == expected.encode()


@pytest.mark.parametrize("marked", PLACES)
def test_never_twice(marked: str) -> None:
    once = inject(marked.replace("@", "").encode())
    assert inject(once) == once


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16(encoding: str) -> None:
    document = "\ufeff<!doctype html><head><p>ä".encode(encoding)
    text = inject(document).decode(encoding)
    assert text == "\ufeff<!doctype html><head>" + script_element(None) + "<p>ä"
    assert inject(inject(document)) == inject(document)


def test_broken_utf16_is_left_alone() -> None:
    assert inject(b"\xff\xfe<") == b"\xff\xfe<"


def test_nonce() -> None:
    assert b' nonce="abc"' in inject(b"<!doctype html>", nonce="abc")


@given(st.binary(max_size=300))
def test_nothing_is_lost(document: bytes) -> None:
    changed = inject(document)
    element = script_element(None).encode()
    if changed != document and not document.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert changed.replace(element, b"", 1) == document


@pytest.mark.parametrize(
    "start", [b"<!doctype ", b"<!doctype [", b"<html ", b"<html a='", b"<!--", b"<?", b"<!-- -->"]
)
def test_linear_time(start: bytes) -> None:
    document = start * 100_000
    started = time.thread_time()
    inject(document)
    inject(start + b"a" * 1_000_000)
    # Of this thread: other work on the machine does not count.  A square would take minutes.
    assert time.thread_time() - started < 2.0


def request(method: bytes = b"GET", **fields: str) -> Request:
    lines = tuple(
        (name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()
    )
    return Request(method=method, scheme=b"https", authority=b"localhost", path=b"/", fields=lines)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (request(sec_fetch_dest="document", accept="text/html"), True),
        (request(b"HEAD", sec_fetch_dest="document"), True),
        (request(b"POST", sec_fetch_dest="document"), False),
        (request(sec_fetch_dest="iframe", accept="text/html"), False),
        (request(sec_fetch_dest="frame", accept="text/html"), False),
        (request(sec_fetch_dest="empty", accept="text/html"), False),
        (request(sec_fetch_dest="object", accept="text/html"), False),
        (request(accept="text/html,application/xhtml+xml,*/*;q=0.8"), True),
        (request(accept="text/html", x_requested_with="XMLHttpRequest"), False),
        (request(accept="*/*"), False),
        (request(), False),
    ],
)
def test_who_gets_it(asked: Request, wanted: bool) -> None:
    assert wants_client(asked) is wanted
