"""Recorded sessions of real clients with a site: the very octets that were written down.

Both builds are held against the same files, so that they send the same.  Where the server is meant
to send something else, ``python -m tests.contracts.recorded.record --answers`` writes it down.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts import recorded
from tests.contracts.recorded import RecordedSite

CLIENTS = {
    "curl", "nghttp", "h2load", "chromium", "firefox",
    "http1-curl", "http1-wget", "http1-ab", "http1-h2load",
}  # fmt: skip


def test_there_are_sessions_of_these_clients() -> None:
    assert set(recorded.names()) >= CLIENTS


@pytest.mark.parametrize("memories", [True, False], ids=["with memories", "without"])
@pytest.mark.parametrize("name", recorded.names())
def test_a_session_gets_what_was_written_down(tmp_path: Path, name: str, memories: bool) -> None:
    """Also when it comes again and again."""
    site = RecordedSite(tmp_path, memories=memories)
    written = recorded.answers(name)
    assert written
    for _ in range(5):
        assert site.play(name) == written


def test_all_sessions_on_one_server(tmp_path: Path) -> None:
    """What one client has left in memory is nothing to another."""
    site = RecordedSite(tmp_path)
    for _ in range(3):
        for name in recorded.names():
            assert site.play(name) == recorded.answers(name), name


def test_the_answers_are_to_what_was_asked() -> None:
    """Before they were written down somebody has looked; these are the statuses."""
    statuses = {
        name: [line[9:12] for line in recorded.answers(name).splitlines()
               if line.startswith(b"HTTP/1.1 ")]
        for name in recorded.names() if recorded.is_http1(name)
    }  # fmt: skip
    assert statuses["http1-curl"] == [b"200", b"200"]
    assert statuses["http1-curl-head"] == [b"200", b"404"]
    assert statuses["http1-curl-ranges"] == [b"206"]
    assert statuses["http1-curl-condition"] == [b"304"]
    assert statuses["http1-curl-upload"] == [b"405"]
    assert statuses["http1-ab"] == [b"200"] * 20
    assert statuses["http1-h2load"] == [b"200"] * 40
