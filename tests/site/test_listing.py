"""Lists of the files in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

from h2static.site.limits import SiteLimits
from tests.site.harness import (
    field,
    make_client,
    octets_of,
    request,
    write,
)


def test_a_listing(root: Path) -> None:
    write(root, "sub/b10.txt", "x" * 2000)
    for name in ("sub/b9.txt", "sub/A.txt", "sub/.hidden", "sub/deep/x", "sub/Zoo/x"):
        write(root, name)
    (root / "sub/out").symlink_to("/etc")
    (root / "sub/in").symlink_to("deep")
    (root / "sub/broken").symlink_to("nowhere")
    os.mkfifo(root / "sub/fifo")
    os.utime(root / "sub/b10.txt", (784111777, 784111777))
    client = make_client(root, listing=True)
    assert make_client(root).status("/sub/") == 404
    assert client.status("/sub") == 301
    response = client.get("/sub/", accept="application/json")
    assert response.status == 200
    assert field(response, "content-type") == "application/json"
    assert field(response, "vary") == "accept"
    document = json.loads(octets_of(response))
    assert document["path"] == "/sub/"
    assert [entry["name"] for entry in document["entries"]] == [
        *("deep", "in", "Zoo", "A.txt", "b9.txt", "b10.txt")
    ]
    assert document["entries"][-1] == {
        "name": "b10.txt",
        "href": "./b10.txt",
        "type": "file",
        "size": 2000,
        "modified": "1994-11-06T08:49:37Z",
    }
    assert document["entries"][0]["href"] == "./deep/"
    page = client.get("/sub/", accept="text/html")
    assert field(page, "content-type") == "text/html; charset=utf-8"
    text = octets_of(page).decode()
    assert "<script" not in text
    assert '<a href="./b10.txt">b10.txt</a>' in text
    assert "2.0 KiB" in text
    assert "1994-11-06 08:49" in text
    assert client.status("/sub/", if_none_match=field(page, "etag")) == 304
    assert client.get("/sub/", "HEAD", accept="text/html").fields == page.fields


def test_a_listing_is_never_old(root: Path) -> None:
    path = write(root, "a.txt", "x")
    client = make_client(root, listing=True)
    client.clock.settle()
    question = request("/")
    first = client.ask(question)
    assert client.ask(question).body == first.body
    path.write_text("x" * 5000)
    assert b"4.9 KiB" in octets_of(client.ask(question))
    write(root, "index.html", "index")
    assert client.ask(question).body == b"index"


def test_names_are_escaped(root: Path) -> None:
    # aiohttp CVE-2024-27306: names in listings that are run.
    nasty = [
        b'"><script>alert(1)<',
        b"javascript:alert(1)",
        b"a\r\nb",
        b"\xff\xfe",
        b"50%?#",
        b"a&amp;b",
    ]
    for name in nasty:
        (Path(os.fsdecode(os.fsencode(root) + b"/" + name))).write_bytes(name)
    client = make_client(root, listing=True)
    text = client.body("/").decode()
    assert "<script" not in text
    assert 'href="javascript' not in text
    document = json.loads(client.body("/", accept="application/json"))
    hrefs = [entry["href"] for entry in document["entries"]]
    assert len(hrefs) == len(nasty)
    assert {client.body(href.removeprefix(".")) for href in hrefs} == set(nasty)
    for href in hrefs:
        assert f'href="{href}"'.replace("&", "&amp;") in text


def test_a_listing_has_an_end(root: Path) -> None:
    for number in range(5):
        write(root, f"{number}")
    client = make_client(root, limits=SiteLimits(list_entries=3), listing=True)
    document = json.loads(client.body("/", accept="application/json"))
    assert [entry["name"] for entry in document["entries"]] == ["0", "1", "2"]
    assert document["left_out"] == 2
    assert b"2 more are not shown" in client.body("/")


def test_an_empty_folder(root: Path) -> None:
    assert b"This folder is empty" in make_client(root, listing=True).body("/")
