"""Whom a request is for: no application sees one that names no authority, or two (RFC 9110 7.2)."""

from __future__ import annotations

import pytest

from tests.contracts.applications import Scripted, say, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect

BAD = [
    b"user@localhost",
    b"user:secret@localhost:80",
    b"localhost:65536",
    b"localhost:http",
    b"local host",
    b"[::1",
    b"::1",
    b"a/b",
    b"%zz",
    b"a" * 1025,
]
GOOD = [b"localhost", b"LOCALHOST:", b"127.0.0.1:8080", b"[::1]:443", b"unknown.example", b"a_b"]


def _talk(dialect: Dialect) -> tuple[Conversation, Scripted]:
    """With an application that handles all and recalls one."""
    application = Scripted(say(b"handled"), prepared={b"/p": text(200, b"recalled", prepared=True)})
    return Conversation(dialect, application), application


def _ask(talk: Conversation, path: bytes, host: bytes | None = None) -> int:
    fields = () if host is None else ((b"host", host),)
    number = talk.request(path, fields=fields)
    talk.settle()
    return talk.reply(number).status


@pytest.mark.parametrize("authority", BAD)
@pytest.mark.parametrize("path", [b"/", b"/p"])
def test_a_bad_one(dialect: Dialect, path: bytes, authority: bytes) -> None:
    talk, application = _talk(dialect)
    # What good ones have left behind helps no bad one.
    assert [_ask(talk, path) for _ in range(3)] == [200] * 3
    seen = len(application.handled), len(application.recalled)
    talk.client.authority = authority
    assert _ask(talk, path) == 400
    assert (len(application.handled), len(application.recalled)) == seen


@pytest.mark.parametrize("path", [b"/", b"/p"])
def test_two(dialect: Dialect, path: bytes) -> None:
    """On HTTP/2 the second is a Host field that differs."""
    talk, application = _talk(dialect)
    assert _ask(talk, path) == 200
    seen = len(application.handled), len(application.recalled)
    assert _ask(talk, path, b"other.example") == 400
    assert (len(application.handled), len(application.recalled)) == seen


@pytest.mark.parametrize("authority", GOOD)
def test_a_good_one(dialect: Dialect, authority: bytes) -> None:
    talk, application = _talk(dialect)
    talk.client.authority = authority
    assert [_ask(talk, b"/") for _ in range(3)] == [200] * 3
    assert {exchange.request.authority for exchange in application.handled} == {authority}
