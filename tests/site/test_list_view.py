"""Lists of files in another order, and parts of them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from h2static.site.limits import SiteLimits
from h2static.site.list_view import ListView, read_view
from tests.site.harness import Client, field, make_client, octets_of, write


@pytest.fixture
def client(root: Path) -> Client:
    for number, (name, size) in enumerate(
        {"b.txt": 30, "A.js": 10, "c.png": 20, "a10.txt": 5}.items()
    ):
        write(root, name, "x" * size)
        os.utime(root / name, (1_000_000 * number, 1_000_000 * number))
    write(root, "zoo/x")
    return make_client(root, listing=True)


def names(client: Client, query: str = "") -> list[str]:
    """What is listed, folders first."""
    text = client.body(f"/{query}", accept="text/html").decode()
    return re.findall(r'<a (?:class="folder" )?href="([^"/]+)/?"', text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["zoo", "a10.txt", "A.js", "b.txt", "c.png"]),
        ("?sort=-name", ["zoo", "c.png", "b.txt", "A.js", "a10.txt"]),
        ("?sort=size", ["zoo", "a10.txt", "A.js", "c.png", "b.txt"]),
        ("?sort=-size", ["zoo", "b.txt", "c.png", "A.js", "a10.txt"]),
        ("?sort=date", ["zoo", "b.txt", "A.js", "c.png", "a10.txt"]),
        ("?sort=-date", ["zoo", "a10.txt", "c.png", "A.js", "b.txt"]),
        ("?filter=A", ["a10.txt", "A.js"]),
        ("?filter=.TXT&sort=-name", ["b.txt", "a10.txt"]),
        ("?filter=nothing", []),
        # What is not understood is as if it were not there.
        ("?sort=colour&x", ["zoo", "a10.txt", "A.js", "b.txt", "c.png"]),
    ],
)
def test_order_and_filter(client: Client, query: str, expected: list[str]) -> None:
    assert names(client, query) == expected


def test_views_have_tags_of_their_own(client: Client) -> None:
    tags = {field(client.get(f"/{query}"), "etag") for query in ("", "?sort=size", "?filter=a")}
    assert len(tags) == 3


def test_a_page_orders_without_script(client: Client) -> None:
    text = client.body("/?sort=size").decode()
    assert "<script" not in text
    assert '<button name="sort" value="-size">Size ↑</button>' in text
    assert '<button name="sort" value="name">Name</button>' in text
    # What is typed is shown again, and does no harm.
    text = client.body("/?filter=%22%3E%3Cscript%3E&sort=-date").decode()
    assert 'value="&quot;&gt;&lt;script&gt;"' in text
    assert "<script" not in text
    assert '<button name="sort" value="-date" hidden></button>' in text


def test_a_filter_goes_on_with_the_list(root: Path) -> None:
    for number in range(10):
        write(root, f"a{number}")
        write(root, f"b{number}")
    client = make_client(root, limits=SiteLimits(list_entries=4), listing=True)
    response = client.get("/?filter=B", accept="application/json")
    document = json.loads(octets_of(response))
    assert [entry["name"] for entry in document["entries"]] == ["b0", "b1", "b2", "b3"]
    assert document["next"] == "?after=b3&filter=b"
    document = json.loads(client.body(f"/{document['next']}", accept="application/json"))
    assert [entry["name"] for entry in document["entries"]] == ["b4", "b5", "b6", "b7"]
    assert '<button name="after" value="b3">' in client.body("/?filter=b").decode()


def test_kinds_and_pictures(root: Path) -> None:
    for name in ("a.png", "b.mp4", "c.zip", "d.js", "e.xyz", "f/x"):
        write(root, name)
    text = make_client(root, listing=True).body("/").decode()
    assert re.findall(r'<td class="(\w)">', text) == ["f", "i", "v", "a", "c", "o"]
    assert "<img" not in text
    # Beside those who edit, with nothing that runs.
    text = make_client(root, listing=True, lenient=True).body("/").decode()
    assert '<td class="t"><img src="a.png" loading="lazy" alt=""><a href="a.png">a.png</a>' in text


def test_views_are_bounded() -> None:
    assert len(read_view(b"filter=" + b"a" * 10_000).filter) == 255
    assert read_view(b"&" * 10_000 + b"sort=size") == ListView()
    assert read_view(None) == read_view(b"") == ListView()
