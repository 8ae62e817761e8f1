"""Queries: where nothing looks at one, every query gets the response that is remembered.

Strategy: each case is asked with the response for the bare path in memory, and without.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.messages import Response
from h2static.site.limits import DEFAULTS
from tests.site.harness import Client, make_client, write


def settled_client(root: Path, *, netlify: bool = False) -> Client:
    client = make_client(root, netlify=netlify)
    client.clock.settle()
    return client


def field(response: Response, name: bytes) -> bytes | None:
    return dict(response.fields).get(name)


def test_any_query_gets_the_same_object(root: Path) -> None:
    write(root, "a.html", "content")
    client = settled_client(root)
    first = client.get("/a.html?v=1")
    assert first.status == 200
    assert client.get("/a.html") is first
    for number in range(100):
        assert client.get(f"/a.html?v={number}") is first
    assert client.site.memory.responses == 1


def test_a_change_is_seen_with_every_query(root: Path) -> None:
    write(root, "a.html", "content")
    client = settled_client(root)
    first = client.get("/a.html?v=1")
    write(root, "a.html", "changed content")
    client.clock.settle()
    for query in ("?v=1", "?v=2", ""):
        changed = client.get(f"/a.html{query}")
        assert changed is not first
        assert changed.body == b"changed content"


@pytest.mark.parametrize("remembered", [False, True])
def test_a_folder_without_its_slash_keeps_the_query(root: Path, remembered: bool) -> None:
    write(root, "folder/index.html", "content")
    client = settled_client(root)
    if remembered:
        assert field(client.get("/folder"), b"location") == b"/folder/"
    for query in (b"?a", b"?b=1", b"?"):
        response = client.get("/folder" + query.decode())
        assert response.status == 301
        assert field(response, b"location") == b"/folder/" + query
    assert field(client.get("/folder"), b"location") == b"/folder/"


@pytest.mark.parametrize("remembered", [False, True])
def test_rules_that_look_at_the_query_are_asked(root: Path, remembered: bool) -> None:
    write(root, "a.html", "content")
    write(root, "b.html", "other")
    write(root, "_redirects", "/a.html id=1 /b.html 302!\n")
    client = settled_client(root, netlify=True)
    if remembered:
        assert client.get("/a.html").status == 200
    assert client.get("/a.html?id=1").status == 302
    assert client.get("/a.html?id=2").status == 200
    assert client.get("/a.html").status == 200


@pytest.mark.parametrize("remembered", [False, True])
def test_a_path_that_is_too_long_is_so_with_a_query(root: Path, remembered: bool) -> None:
    write(root, "a.html", "content")
    client = settled_client(root)
    if remembered:
        assert client.get("/a.html").status == 200
    assert client.get("/a.html?" + "x" * DEFAULTS.path).status == 414
    assert client.get("/a.html?" + "x" * (DEFAULTS.key + 1)).status == 200


@given(st.binary(max_size=20))
def test_memory_changes_no_answer_to_a_query(root_of_queries: Path, query: bytes) -> None:
    fresh, remembering = settled_client(root_of_queries), settled_client(root_of_queries)
    remembering.get("/a.html")
    path = "/a.html?" + query.decode("latin-1")
    one, other = fresh.get(path), remembering.get(path)
    assert (one.status, one.fields, one.body) == (other.status, other.fields, other.body)


@pytest.fixture(scope="module")
def root_of_queries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("queries")
    (root / "a.html").write_text("content")
    return root
