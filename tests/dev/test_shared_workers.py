"""What shared workers are made of."""

from __future__ import annotations

import pytest

from h2static.dev.limits import DevLimits
from h2static.dev.shared_workers import SharedWorkers
from tests.dev.support import request

WORKER = (b"sec-fetch-dest", b"sharedworker")


def referer(path: str, host: str = "localhost:8443") -> tuple[bytes, bytes]:
    return b"referer", f"https://{host}{path}".encode()


def test_scripts_and_what_they_load_in_turn() -> None:
    workers = SharedWorkers()
    workers.note(request(b"/page.js", referer("/")))
    workers.note(request(b"/w%C3%B6.js?x=1", WORKER, referer("/")))
    workers.note(request(b"/lib.js", referer("/w%C3%B6.js?x=1")))
    workers.note(request(b"/deep.json", referer("/lib.js")))
    for path in ("/wö.js", "/lib.js", "/deep.json"):
        assert workers.loaded(path)
    for path in ("/", "/page.js", "/other.js"):
        assert not workers.loaded(path)


@pytest.mark.parametrize(
    "field", [referer("/w.js", "elsewhere.test"), (b"referer", b"https://[/w.js"), (b"x", b"/w.js")]
)
def test_what_others_ask_for_is_theirs(field: tuple[bytes, bytes]) -> None:
    workers = SharedWorkers()
    workers.note(request(b"/w.js", WORKER))
    workers.note(request(b"/lib.js", field))
    assert not workers.loaded("/lib.js")


def test_with_too_many_files_everything_may_be_one() -> None:
    workers = SharedWorkers(DevLimits(worker_files=2))
    for name in (b"/a", b"/b"):
        workers.note(request(name, WORKER))
    assert not workers.loaded("/else")
    workers.note(request(b"/c", WORKER))
    assert workers.loaded("/else")
