"""Lists of the files in a folder."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2static.site.limits import SiteLimits
from h2static.site.names import parse_dot_names
from tests.site.harness import (
    Client,
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
        "href": "b10.txt",
        "type": "file",
        "size": 2000,
        "modified": "1994-11-06T08:49:37Z",
    }
    assert document["entries"][0]["href"] == "deep/"
    page = client.get("/sub/", accept="text/html")
    assert field(page, "content-type") == "text/html; charset=utf-8"
    text = octets_of(page).decode()
    assert "<script" not in text
    assert '<a href="b10.txt">b10.txt</a>' in text
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
    assert 'href="javascript:' not in text
    document = json.loads(client.body("/", accept="application/json"))
    hrefs = [entry["href"] for entry in document["entries"]]
    assert len(hrefs) == len(nasty)
    assert {client.body("/" + href) for href in hrefs} == set(nasty)
    for href in hrefs:
        assert f'<a href="{href}">' in text


def test_links_need_nothing_around_them(root: Path) -> None:
    """What mirrors or looks for files by pattern reads links without knowing HTML well."""
    names = ["it's.csv", "a&b.csv", "co:lon.csv", '"q".csv', "sys\\x2dfoo.csv", "~x.csv", "ü.csv"]
    for name in names:
        write(root, f"data/{name}", name)
    client = make_client(root, listing=True)
    links = re.findall(r'<a[^>]* href="([^"]*)"', client.body("/data/").decode())
    assert links[0] == "/."
    assert links[1] == "../"
    assert all(re.fullmatch(r"[A-Za-z0-9._~%-]+", link) for link in links[2:])
    assert sorted(map(unquote, links[2:])) == sorted(names)
    # fsspec takes a link to "/" for one to the folder itself.
    assert "/" not in links


def test_a_listing_goes_on(root: Path) -> None:
    names = [f"{number}" for number in range(7)]
    for name in names:
        write(root, name)
    client = make_client(root, limits=SiteLimits(list_entries=3), listing=True)
    response = client.get("/", accept="application/json")
    document = json.loads(octets_of(response))
    assert [entry["name"] for entry in document["entries"]] == ["0", "1", "2"]
    assert (document["left_out"], document["next"]) == (4, "?after=2")
    assert field(response, "link") == '<?after=2>; rel="next"'
    page = client.body("/").decode()
    assert "4 more not shown" in page
    assert '<button name="after" value="2">' in page
    document = json.loads(client.body("/?after=2", accept="application/json"))
    assert [entry["name"] for entry in document["entries"]] == ["3", "4", "5"]
    response = client.get("/?after=5", accept="application/json")
    document = json.loads(octets_of(response))
    assert [entry["name"] for entry in document["entries"]] == ["6"]
    assert (document["left_out"], document["next"]) == (0, None)
    assert field(response, "link") is None
    # From the beginning, where the query says something else.
    for query in ("after=", "after", "x", "C=N;O=D", "&" * 200 + "after=5"):
        document = json.loads(client.body(f"/?{query}", accept="application/json"))
        assert [entry["name"] for entry in document["entries"]] == ["0", "1", "2"]


def test_pages_of_a_list_tell_each_name_once_while_others_come_and_go(root: Path) -> None:
    for number in range(10, 20):
        write(root, f"{number}")
    client = make_client(root, limits=SiteLimits(list_entries=4), listing=True)
    seen: list[str] = []
    query: str | None = ""
    while query is not None:
        document = json.loads(client.body(f"/{query}", accept="application/json"))
        seen += [entry["name"] for entry in document["entries"]]
        query = document["next"]
        (root / seen[-1]).unlink()
        write(root, "00")
    assert seen == [str(number) for number in range(10, 20)]


def test_a_large_folder_takes_little_room_beside_its_list(root: Path) -> None:
    for number in range(2000):
        (root / f"{number:05}").touch()
    client = make_client(root, limits=SiteLimits(list_entries=10), listing=True)
    client.body("/")
    tracemalloc.start()
    try:
        document = json.loads(client.body("/", accept="application/json"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert document["left_out"] == 1990
    assert peak < 60_000


def test_what_may_not_be_read_is_not_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "mine", "x")
    write(root, "yours", "x")
    write(root, "secret/a", "x")
    client = make_client(root, listing=True)
    real = os.access

    # Any: as os.access, for tests that root runs.
    def refuse(path: bytes, mode: int, **options: Any) -> bool:
        assert mode & os.R_OK
        return path not in (b"mine", b"secret") and real(path, mode, **options)

    monkeypatch.setattr(os, "access", refuse)
    document = json.loads(client.body("/", accept="application/json"))
    assert [entry["name"] for entry in document["entries"]] == ["yours"]


def test_what_is_too_deep_to_be_asked_for_is_not_listed(root: Path) -> None:
    limits = SiteLimits(path=60)
    write(root, "f" * 40 + "/" + "n" * 17)
    write(root, "f" * 40 + "/" + "n" * 18)
    write(root, "f" * 40 + "/ü" + "n" * 11)
    client = make_client(root, limits=limits, listing=True)
    folder = "/" + "f" * 40 + "/"
    document = json.loads(client.body(folder, accept="application/json"))
    links = [entry["href"] for entry in document["entries"]]
    assert links == ["n" * 17, "%C3%BC" + "n" * 11]
    assert [client.status(folder + link) for link in links] == [200, 200]


# ---------------------------------------------------------------------- listed is served

#: Octets of which names are made; those that mean something in a path come often.
OCTETS = st.one_of(
    st.sampled_from(b"a.~%\\'\"&:;?#+ <\xff\xc3\xa4\n"),
    st.integers(1, 255).filter(lambda octet: octet != ord("/")),
)
FILE_NAMES = (
    st.lists(OCTETS, min_size=1, max_size=8)
    .map(bytes)
    .filter(lambda name: name not in (b".", b".."))
)
#: In one folder and below it: names of files.
TREES = st.dictionaries(
    FILE_NAMES, st.one_of(st.none(), st.sets(FILE_NAMES, max_size=3)), max_size=6
)


def links_of(client: Client, path: str) -> dict[str, list[str]]:
    """The links of a list, by how it is written."""
    page = client.body(path).decode()
    document = json.loads(client.body(path, accept="application/json"))
    table = page[page.index("<tbody>") :]
    return {
        "page": [link for link in re.findall(r'<a[^>]* href="([^"]*)"', table) if link != "../"],
        "JSON": [entry["href"] for entry in document["entries"]],
    }


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(tree=TREES, dotted=st.booleans())
def test_listed_is_served_and_nothing_servable_is_missing(
    tree: dict[bytes, set[bytes] | None], *, dotted: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = os.path.join(os.fsencode(folder), b"www")
        os.mkdir(root)
        files: list[tuple[bytes, ...]] = []
        for name, below in tree.items():
            if below is None:
                files.append((name,))
            else:
                os.mkdir(os.path.join(root, name))
                files += [(name, inner) for inner in below]
        for names in files:
            Path(os.fsdecode(os.path.join(root, *names))).write_bytes(b"/".join(names))
        dot_names = (parse_dot_names("*"),) if dotted else ()
        client = make_client(Path(os.fsdecode(root)), listing=True, dot_names=dot_names)
        for form in ("page", "JSON"):
            found = set()
            for link in links_of(client, "/")[form]:
                assert client.status("/" + link) == 200
                if not link.endswith("/"):
                    found.add(client.body("/" + link))
                    continue
                for inner in links_of(client, "/" + link)[form]:
                    assert client.status("/" + link + inner) == 200
                    found.add(client.body("/" + link + inner))
            assert found == {
                b"/".join(names)
                for names in files
                if dotted or not any(name.startswith(b".") for name in names)
            }


def test_an_empty_folder(root: Path) -> None:
    assert b"This folder is empty" in make_client(root, listing=True).body("/")
