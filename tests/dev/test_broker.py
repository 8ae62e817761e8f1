"""Event streams."""

from __future__ import annotations

import json
import threading

from h2static.dev.broker import Broker, EventReader
from h2static.dev.limits import DevLimits
from h2static.http.bodies import Body
from tests.dev.support import state


def events(octets: bytes) -> list[tuple[str, dict[str, object]]]:
    found = []
    for block in octets.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def drain(reader: EventReader) -> bytes:
    octets = b""
    while piece := reader.read(100):
        octets += piece
    return octets


def test_a_stream_starts_with_hello() -> None:
    broker = Broker(now=0.0)
    broker.set_state(state("a"), [])
    octets = drain(broker.open_reader())
    assert octets.startswith(b"retry: 1000\n")
    hello = {"version": "a", "server": 7, "moment": 1, "problems": [], "recent": []}
    assert events(octets) == [("hello", hello)]


def test_a_stream_starts_with_the_latest_changes() -> None:
    broker = Broker(now=0.0, limits=DevLimits(recent_changes=3))
    broker.set_state(state("a"), [])
    first, second, third = (
        {"path": f"/{name}.js", "kind": "modified"} for name in ("one", "two", "three")
    )
    broker.set_state(state("b", 2), [first, second])
    broker.set_state(state("c", 3), [third])

    def recent() -> object:
        return events(drain(broker.open_reader()))[0][1]["recent"]

    assert recent() == [
        {"previous": "a", "changes": [first, second]},
        {"previous": "b", "changes": [third]},
    ]
    # With one more there are too many.
    broker.set_state(state("d", 4), [first])
    assert recent() == [
        {"previous": "b", "changes": [third]},
        {"previous": "c", "changes": [first]},
    ]
    # Nobody knows what led to this state.
    broker.set_state(state("e", 5), [])
    assert recent() == []
    broker.set_state(state("f", 6), [first] * 4)
    assert recent() == []


def test_every_stream_gets_every_event() -> None:
    broker = Broker(now=0.0)
    broker.set_state(state("a"), [])
    readers = [broker.open_reader() for _ in range(10)]
    for reader in readers:
        drain(reader)
    change = {"path": "/a.css", "kind": "modified"}
    broker.set_state(state("b", 2), [change])
    data = {"previous": "a", "version": "b", "server": 7, "moment": 2, "changes": [change]}
    assert [events(drain(reader)) for reader in readers] == [[("change", data)]] * 10


def test_a_client_that_came_before_the_first_scan_hears_the_version() -> None:
    broker = Broker(now=0.0)
    reader = broker.open_reader()
    broker.set_state(state("a"), [])
    versions = [data["version"] for _, data in events(drain(reader))]
    assert versions == [None, "a"]


def test_problems_are_told_once_and_taken_back() -> None:
    broker = Broker(now=0.0)
    reader = broker.open_reader()
    drain(reader)
    broker.set_problem("watcher", "limit")
    broker.set_problem("watcher", "limit")
    broker.set_problem("rules", None)
    broker.set_problem("watcher", None)
    problems = [data["problems"] for _, data in events(drain(reader))]
    assert problems == [["limit"], []]


def test_reading_would_block_until_woken() -> None:
    broker = Broker(now=0.0)
    reader = broker.open_reader()
    drain(reader)
    woken = threading.Event()
    assert reader.read(100) is None
    reader.wait(woken.set)
    assert not woken.is_set()
    thread = threading.Thread(target=broker.publish, args=("x", {}))
    thread.start()
    assert woken.wait(30)
    thread.join()
    assert reader.read(100) == b"event: x\ndata: {}\n\n"


def test_wait_wakes_at_once_when_there_is_something() -> None:
    reader = Broker(now=0.0).open_reader()
    woken = threading.Event()
    reader.wait(woken.set)
    assert woken.is_set()


def test_a_client_that_does_not_read_loses_its_stream() -> None:
    broker = Broker(now=0.0, limits=DevLimits(waiting=1_000))
    reader = broker.open_reader()
    drain(reader)
    woken = threading.Event()
    reader.wait(woken.set)
    for _ in range(7):
        broker.publish("x", {"text": "y" * 100})
    assert broker.clients == 1
    assert woken.is_set()
    for _ in range(2):
        broker.publish("x", {"text": "y" * 100})
    assert broker.clients == 0
    assert reader.read(100) == b""


def test_comments_keep_streams_alive() -> None:
    broker = Broker(now=0.0)
    reader = broker.open_reader()
    drain(reader)
    broker.tick(14.9)
    assert reader.read(100) is None
    broker.tick(15.0)
    broker.tick(16.0)
    assert reader.read(100) == b":\n\n"


def test_numbers_that_can_be_set() -> None:
    broker = Broker(now=0.0, limits=DevLimits(retry_seconds=0.25, comment_seconds=3))
    reader = broker.open_reader()
    assert drain(reader).startswith(b"retry: 250\n")
    broker.tick(3.0)
    assert reader.read(100) == b":\n\n"


def test_it_is_a_body_without_an_end_and_without_trailers() -> None:
    body: Body = Broker(now=0.0).body()
    assert body.length is None
    first, second = body.open(), body.open()
    assert first is not second
    assert not first.reuses_buffer
    piece = first.read(5)
    kept = bytes(piece or b"")
    first.read(1000)
    assert piece == kept == b"retry"
    assert first.trailers() == ()


def test_close() -> None:
    broker = Broker(now=0.0)
    reader = broker.open_reader()
    assert broker.clients == 1
    assert broker.wait_for_client(0)
    reader.close()
    reader.close()
    assert broker.clients == 0
    broker.publish("x", {})
    assert reader.read(100) == b""


def test_nobody_connected() -> None:
    assert not Broker(now=0.0).wait_for_client(0)


def test_end_all() -> None:
    broker = Broker(now=0.0)
    reader = broker.open_reader()
    drain(reader)
    woken = threading.Event()
    reader.wait(woken.set)
    broker.publish("last", {})
    broker.end_all()
    assert woken.is_set()
    assert broker.clients == 0
    assert reader.read(1000) == b"event: last\ndata: {}\n\n"
    assert reader.read(1000) == b""
    late = broker.open_reader()
    assert events(drain(late))[0][0] == "hello"
    assert late.read(1000) == b""
