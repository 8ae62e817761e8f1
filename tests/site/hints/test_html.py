"""What is read from pages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2static.site.hints.html import targets_in
from h2static.site.limits import DEFAULTS

WWW = Path(__file__).resolve().parents[3] / "www"


def links(html: str, page: str = "/") -> list[str]:
    return [target.link.decode() for target in targets_in(html.encode(), page)]


@pytest.mark.parametrize(
    ("html", "link"),
    [
        ('<link rel="stylesheet" href="/a.css">', "</a.css>; rel=preload; as=style"),
        ("<LINK REL=StyleSheet HREF=a.css>", "</a.css>; rel=preload; as=style"),
        (
            "<link rel='preload stylesheet' href=a.css as=style />",
            "</a.css>; rel=preload; as=style",
        ),
        ('<link rel=stylesheet href="a&amp;b.css">', "</a&b.css>; rel=preload; as=style"),
        ('<link rel=stylesheet title=">" href=/a>', "</a>; rel=preload; as=style"),
        ("<link rel=stylesheet media=all href=/a>", "</a>; rel=preload; as=style"),
        ("<link rel=stylesheet media=print href=/a>", "</a>; rel=preload; as=style; media=print"),
        (
            "<link rel=stylesheet href=/a crossorigin>",
            "</a>; rel=preload; as=style; crossorigin",
        ),
        (
            "<link rel=stylesheet href=/a crossorigin=use-credentials>",
            "</a>; rel=preload; as=style; crossorigin=use-credentials",
        ),
        (
            "<link rel=stylesheet href=/a integrity=sha256-x fetchpriority=high>",
            "</a>; rel=preload; as=style; fetchpriority=high; integrity=sha256-x",
        ),
        ("<script src=/a.js></script>", "</a.js>; rel=preload; as=script"),
        ("<script src=/a.js type='text/javascript'>", "</a.js>; rel=preload; as=script"),
        ("<script type=module src=/a.js></script>", "</a.js>; rel=modulepreload"),
        ("<link rel=modulepreload href=/a.js>", "</a.js>; rel=modulepreload"),
        (
            "<link rel=preload as=font href=/a.woff2 type=font/woff2 crossorigin>",
            '</a.woff2>; rel=preload; as=font; crossorigin; type="font/woff2"',
        ),
        ("<link rel=preload as=image href=/a.png>", "</a.png>; rel=preload; as=image"),
        (
            "<style>@font-face { font-family: A; src: url('/a.woff2') format('woff2') }</style>",
            "</a.woff2>; rel=preload; as=font; crossorigin",
        ),
        ("<style>@import 'a.css';</style>", "</a.css>; rel=preload; as=style"),
        ("<style>@import url(a.css) ;</style>", "</a.css>; rel=preload; as=style"),
        (
            "<link rel=stylesheet href=https://cdn.example/a.css>",
            "<https://cdn.example/a.css>; rel=preload; as=style",
        ),
        ("<base href=/deep/><script src=a.js>", "</deep/a.js>; rel=preload; as=script"),
        (
            "<base href='//cdn.example/'><script src=a.js>",
            "<https://cdn.example/a.js>; rel=preload; as=script",
        ),
        ("<!-- <base href=/x/> --><script src=a.js>", "</a.js>; rel=preload; as=script"),
        ("<!--><script src=a.js>", "</a.js>; rel=preload; as=script"),
        ("<a title='<script src=/b.js>'><script src=/a.js>", "</a.js>; rel=preload; as=script"),
        ("<title><script src=/b.js></title><script src=/a.js>", "</a.js>; rel=preload; as=script"),
        ("1 < 2 <script src=/a.js>", "</a.js>; rel=preload; as=script"),
        ("<script src=/a.js src=/b.js>", "</a.js>; rel=preload; as=script"),
        ("\ufeff<script src=/a.js>", "</a.js>; rel=preload; as=script"),
        ("İ<script>x</SCRIPT><script src=/a.js>", "</a.js>; rel=preload; as=script"),
    ],
)
def test_is_read(html: str, link: str) -> None:
    assert links(html) == [link]


@pytest.mark.parametrize(
    "html",
    [
        "",
        "text",
        "<link rel=stylesheet>",
        "<link rel=stylesheet href=''>",
        "<link rel='alternate stylesheet' href=/a.css>",
        "<link rel=stylesheet href=/a.css disabled>",
        "<link rel=icon href=/a.png>",
        "<link rel=preload href=/a.css>",
        "<link rel=preload as=banana href=/a.css>",
        "<link rel=preload as=image href=/a.png imagesrcset='/b.png 2x'>",
        "<link rel=stylesheet href='data:text/css,a'>",
        "<script>document.write('<script src=/a.js>')</script>",
        "<script src=/a.js nomodule></script>",
        "<script src=/a.json type=application/json></script>",
        "<script src=/a.json type=importmap></script>",
        "<template><script src=/a.js></script></template>",
        "<template><template></template><link rel=stylesheet href=/a></template>",
        "<noscript><link rel=stylesheet href=/a.css></noscript>",
        "<!-- <script src=/a.js> -->",
        "<!-- <script src=/a.js>",
        "<!doctype <script src=/a.js",
        "<a href='<script src=/a.js>",
        "<textarea><script src=/a.js>",
        "<script src='http://[/a.js'>",
        f"<script src=/a.js data-x={'x' * DEFAULTS.html_tag}>",
        "<script src=/" + "a" * 3000 + ".js>",
    ],
)
def test_is_left_out(html: str) -> None:
    assert links(html) == []


def test_a_tag_that_makes_no_sense_does_not_hide_the_next() -> None:
    assert links('<link =\n"a="\n><link rel=stylesheet href=/a.css>') == [
        "</a.css>; rel=preload; as=style"
    ]


def test_order_is_the_page_s_and_each_stands_once() -> None:
    html = "<script src=b.js></script><link rel=stylesheet href=a.css><script src=/d/b.js></script>"
    assert [link.split(">")[0] for link in links(html, "/d/page.html")] == ["</d/b.js", "</d/a.css"]


def test_what_waits_for_nothing_does_not_block() -> None:
    html = (
        "<script src=/1></script><script src=/2 async></script><script src=/3 defer></script>"
        "<script type=module src=/4></script><link rel=stylesheet href=/5>"
        "<link rel=stylesheet media=print href=/6>"
    )
    blocking = {target.url: target.blocking for target in targets_in(html.encode(), "/")}
    assert blocking == {
        "/1": True,
        "/2": False,
        "/3": False,
        "/4": False,
        "/5": True,
        "/6": False,
    }


def test_the_number_of_targets_is_limited() -> None:
    html = "".join(f"<script src=/{number}.js></script>" for number in range(100))
    assert len(links(html)) == DEFAULTS.html_targets


def test_only_the_beginning_of_a_page_is_read() -> None:
    script = "<script src=/a.js>"
    assert links(" " * (DEFAULTS.html - len(script)) + script)
    assert not links(" " * (DEFAULTS.html - len(script) + 1) + script)


def test_the_example_site() -> None:
    found = [target.url for target in targets_in((WWW / "index.html").read_bytes(), "/")]
    assert found == ["/fonts/octet.woff2", "/styles/site.css", "/scripts/main.js"]


FRAGMENTS = st.sampled_from(
    [
        "<", ">", "<a", " ", "=", "'", '"', "/", "<!--", "-->", "<![", "<!", "<?", "</", "&",
        "&#x", "<script", "</script>", "<style>", "</style", "<template>", "@import ",
        "@font-face{", "url(", "src", "href", "link", "rel=stylesheet", "\0", "\ufeff", "İ", ";",
        "}", "x",
    ]
)  # fmt: skip


@given(st.one_of(st.binary(), st.lists(FRAGMENTS, max_size=40).map("".join).map(str.encode)))
@example(b"<![foo[")
def test_nothing_raises(html: bytes) -> None:
    for target in targets_in(html, "/"):
        assert target.url.startswith(("/", "http"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["<", "<a", "<a ", "<a a", "<!--", "<!", "<![", "<?", "&", "<script>", "<style>", "</", "</a",
     "<a b='", "<a =  ", "<style>@import ", "<style>@font-face{", "<style>@font-face{url(",
     "<script></", "<link rel=stylesheet href=/a>", '<link =\n"a="\n>'],
)  # fmt: skip
def test_no_page_takes_long(piece: str) -> None:
    """The standard library's parser alone takes minutes for some of these."""
    html = (piece * DEFAULTS.html).encode()[: DEFAULTS.html]
    begin = time.process_time()
    targets_in(html, "/")
    assert time.process_time() - begin < 3
