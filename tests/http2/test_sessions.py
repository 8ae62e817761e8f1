"""Recorded sessions of real clients: the same octets on every path.

Memories on and off, reads as they came, octet by octet and randomly cut, observed or not: the
server's octets are the same, and every request is answered whole.
"""

from __future__ import annotations

import hashlib
import json

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import unpack_header
from h2static.http2.settings import LocalSettings
from h2static.server.response_options import ResponseOptions
from tests.http2 import sessions
from tests.support.small_site import SmallSite
from tests.support.transports import Mirror

DIGESTS = sessions.FOLDER / "digests.json"
SETTINGS = {
    "default": LocalSettings(),
    "padding": LocalSettings(padding=100),
    "no table": LocalSettings(encoder_header_table_size=0),
    "windows": LocalSettings(initial_window_size=2**20, connection_window_size=2**21),
}


def _ends(octets: bytes, *kinds: int) -> list[int]:
    """The streams of the frames of ``kinds`` that carry END_STREAM, in order."""
    found = []
    position = 0
    while position < len(octets):
        length_type, flags, stream_id = unpack_header(octets, position)
        if length_type & 0xFF in kinds and flags & r.END_STREAM:
            found.append(stream_id)
        position += 9 + (length_type >> 8)
    return found


def test_there_are_sessions_of_five_clients() -> None:
    names = {name.partition("-")[0] for name in sessions.names()}
    assert names == {"curl", "nghttp", "h2load", "node", "httpx"}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("name", sessions.names())
def test_a_session_gets_the_same_octets_on_every_path(name: str, settings: LocalSettings) -> None:
    play(name, Mirror(settings=settings))


@pytest.mark.parametrize("name", sessions.names())
def test_a_session_gets_the_same_octets_with_trailers(name: str) -> None:
    trailers = ((b"x-sum", b"1"),)
    play(name, Mirror(application=lambda: ResponseOptions(SmallSite(), trailers=trailers)))


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_build_sends_the_same_octets(settings: str) -> None:
    """Those that were written down; both builds are compared with them.

    Where the server has to send something else, ``python -m tests.http2.test_sessions`` writes
    down what it is.
    """
    written = json.loads(DIGESTS.read_text())[settings]
    assert digests(settings) == written


def digests(settings: str) -> dict[str, str]:
    """SHA-256 of what the server sends in each session."""
    return {
        name: hashlib.sha256(play(name, Mirror(settings=SETTINGS[settings]))).hexdigest()
        for name in sessions.names()
    }


def play(name: str, mirror: Mirror) -> bytes:
    """Have all that was recorded answered; the octets of the answers."""
    reads = sessions.load(name)
    for read in reads:
        mirror.deliver(read)
    assert mirror.connection.problem is None
    asked = _ends(b"".join(reads)[len(r.PREFACE) :], r.HEADERS, r.DATA)
    octets = mirror.take()
    answered = _ends(octets, r.HEADERS, r.DATA)
    assert asked
    assert sorted(answered) == sorted(asked)
    mirror.wait(5)
    assert not mirror.connection.streams.open
    return octets


@pytest.mark.parametrize("name", ["curl", "h2load", "httpx", "nghttp"])
def test_memories_are_used(name: str) -> None:
    """The comparison above means something: later connections find what earlier ones left."""
    mirror = Mirror()
    for read in sessions.load(name):
        mirror.deliver(read)
    service = mirror.feeds["as seen before"].service
    assert any(state.known for state in service.sections._states.values())
    assert not any(
        state.known for state in mirror.feeds["without memories"].service.sections._states.values()
    )


if __name__ == "__main__":
    found = {settings: digests(settings) for settings in SETTINGS}
    DIGESTS.write_text(json.dumps(found, indent=1) + "\n")
