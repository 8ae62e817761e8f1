"""Documents with the client in them: who holds their octets, and for how long."""

from __future__ import annotations

import gc
import os
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.dev.application import DevApplication
from h2static.dev.limits import DevLimits
from h2static.http.bodies import BodyReader
from h2static.http.messages import Request, Response
from h2static.site import Site, SiteConfig
from h2static.site.bodies import FileAccess, FileBody, FileReader
from h2static.site.octets import OctetBody
from tests.dev.support import (
    ELEMENT,
    NAVIGATION,
    PAGE,
    FakeSite,
    bytes_of,
    dev_around,
    fields_of,
    html_response,
    much_later,
    request,
)
from tests.support.exchange import FakeExchange, ask, read_all
from tests.support.tools import replaces_a_function

MEBIBYTE = 1 << 20
VISIT = request(b"/large.html", *NAVIGATION)


def write_page(root: Path, size: int, name: str = "large.html") -> bytes:
    content = PAGE + b"<p>" * ((size - len(PAGE)) // 3)
    (root / name).write_bytes(content)
    return content


def site_of(root: Path) -> Site:
    return Site(SiteConfig(root=str(root)), clock=time.time)


@contextmanager
def memory() -> Iterator[Callable[[], tuple[int, int]]]:
    """Octets that were taken since, now and at most."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()

        def taken() -> tuple[int, int]:
            now, most = tracemalloc.get_traced_memory()
            return now - before, most - before

        yield taken
    finally:
        tracemalloc.stop()


def visit_all(application: DevApplication, requests: list[Request]) -> list[Response]:
    """The responses to requests whose jobs several threads do at the same time."""
    exchanges = [FakeExchange(one) for one in requests]
    for exchange in exchanges:
        application.handle(exchange)
    with ThreadPoolExecutor(6) as executor:
        list(executor.map(FakeExchange.run_jobs, exchanges))
    return [exchange.answer() for exchange in exchanges]


def reading(response: Response) -> BodyReader:
    """A stream that was sent the first octets, and holds them."""
    assert not isinstance(response.body, bytes)
    reader = response.body.open()
    assert reader.read(65_536)
    return reader


# ---------------------------------------------------------------- one copy for all


@pytest.mark.parametrize("age", ["young", "settled"])
def test_a_large_page_on_many_streams_is_held_once(tmp_path: Path, age: str) -> None:
    """8 MiB on 40 streams at once take less than 48 MiB, while they are made as well."""
    content = write_page(tmp_path, 8 * MEBIBYTE)
    clock = much_later if age == "settled" else time.time
    application = dev_around(Site(SiteConfig(root=str(tmp_path)), clock=clock))
    with memory() as taken:
        responses = visit_all(application, [replace(VISIT) for _ in range(40)])
        readers = [reading(response) for response in responses]
        now, most = taken()
        assert now < 12 * MEBIBYTE
        assert most < 48 * MEBIBYTE
        assert read_all(responses[0].body) == content.replace(b"<head>", b"<head>" + ELEMENT)
        for reader in readers:
            reader.close()
        del responses, reader, readers
        assert taken()[0] < MEBIBYTE
    assert application.documents.octets_in_use == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system does not say")
def test_the_process_grows_by_little(tmp_path: Path) -> None:
    """What threads allocate and free again may stay with their arenas."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    write_page(tmp_path, 8 * MEBIBYTE)
    application = dev_around(site_of(tmp_path))
    before = resident()
    responses = visit_all(application, [replace(VISIT) for _ in range(40)])
    readers = [reading(response) for response in responses]
    assert resident() - before < 48 * MEBIBYTE
    assert len(readers) == 40


def test_different_ranges_of_a_large_page_are_views(tmp_path: Path) -> None:
    write_page(tmp_path, 8 * MEBIBYTE)
    application = dev_around(site_of(tmp_path))
    whole = read_all(ask(application, VISIT).body)
    requests = [
        request(b"/large.html", *NAVIGATION, (b"range", b"bytes=%d-" % start))
        for start in range(1, 41)
    ]
    with memory() as taken:
        responses = visit_all(application, requests)
        readers = [reading(response) for response in responses]
        now, most = taken()
        assert now < 12 * MEBIBYTE
        assert most < 48 * MEBIBYTE
        assert {response.status for response in responses} == {206}
        for start, response in enumerate(responses, 1):
            assert not isinstance(response.body, bytes)
            assert response.body.length == len(whole) - start
            assert response.body.open().read(10) == whole[start : start + 10]
        assert len(readers) == 40


def test_ranges_of_a_remembered_page_are_views() -> None:
    application = dev_around(FakeSite(html_response(PAGE * 1000, prepared=True)))
    whole = ask(application, request(b"/", *NAVIGATION))
    part = ask(application, request(b"/", *NAVIGATION, (b"range", b"bytes=7-")))
    assert isinstance(part.body, OctetBody)
    piece = part.body.open().read(100)
    assert isinstance(piece, memoryview)
    assert piece.obj is whole.body


def test_several_ranges_in_one_response() -> None:
    application = dev_around(FakeSite(html_response()))
    whole = read_all(ask(application, request(b"/", *NAVIGATION)).body)
    response = ask(application, request(b"/", *NAVIGATION, (b"range", b"bytes=0-9,20-29")))
    octets = read_all(response.body)
    assert fields_of(response)[b"content-length"] == b"%d" % len(octets)
    for start in (0, 20):
        heading = b"content-range: bytes %d-%d/%d\r\n\r\n" % (start, start + 9, len(whole))
        assert heading + whole[start : start + 10] + b"\r\n--" in octets


def test_small_pages_that_are_not_remembered_are_shared_as_well() -> None:
    site = FakeSite(html_response())
    application = dev_around(site)
    first = ask(application, request(b"/", *NAVIGATION))
    site.response = html_response()
    second = ask(application, request(b"/", *NAVIGATION))
    assert first is not second
    pieces = [reading(one) for one in (first, second)]
    assert len(pieces) == 2
    assert application.documents.octets_in_use == len(PAGE) + len(ELEMENT)


def test_what_waits_for_a_socket_is_in_use(tmp_path: Path) -> None:
    """The reading is over, the response is forgotten, and a view is left."""
    content = write_page(tmp_path, 2 * MEBIBYTE)
    application = dev_around(site_of(tmp_path))
    response = ask(application, VISIT)
    assert not isinstance(response.body, bytes)
    reader = response.body.open()
    view = reader.read(1000)
    reader.close()
    del reader, response
    assert application.documents.octets_in_use == len(content) + len(ELEMENT)
    again = ask(application, VISIT)
    assert application.documents.octets_in_use == len(content) + len(ELEMENT)
    assert again.status == 200
    del view, again
    assert application.documents.octets_in_use == 0


@pytest.mark.parametrize(
    "other",
    [
        html_response(PAGE + b"<p>"),
        html_response(PAGE, (b"content-security-policy", b"script-src 'none'")),
    ],
)
def test_what_differs_is_not_shared(other: Response) -> None:
    site = FakeSite(html_response())
    application = dev_around(site)
    first = ask(application, request(b"/", *NAVIGATION))
    site.response = other
    second = ask(application, request(b"/", *NAVIGATION))
    third = ask(application, request(b"/", *NAVIGATION, authority=b"dev.test"))
    assert fields_of(second) != fields_of(first)
    sizes = [len(read_all(one.body)) for one in (first, second, third)]
    assert application.documents.octets_in_use == sum(sizes)


def test_a_page_that_was_written_again_is_never_an_old_one(tmp_path: Path) -> None:
    """Not even where its size and its times are the same."""
    path = tmp_path / "large.html"
    content = write_page(tmp_path, 2 * MEBIBYTE)
    status = path.stat()
    application = dev_around(site_of(tmp_path))
    first = ask(application, VISIT)
    with path.open("r+b") as file:
        file.write(content.replace(b">y<", b">z<"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    application.new_batch()
    assert b"<body>z" in read_all(ask(application, VISIT).body)
    assert b"<body>y" in read_all(first.body)


# ---------------------------------------------------------------- within bounds


def test_remembered_documents_are_bounded_in_octets() -> None:
    site = FakeSite(html_response())
    application = dev_around(site, limits=DevLimits(remembered_octets=2_000))
    for number in range(10):
        site.response = html_response(PAGE + b"." * 500, prepared=True)
        ask(application, request(b"/%d.html" % number, *NAVIGATION))
        assert 0 < application.documents.octets <= 2_000
    site.response = html_response(PAGE + b"." * 2_000, prepared=True)
    assert not ask(application, request(b"/", *NAVIGATION, repeats=True)).prepared


def test_too_large_documents_are_sent_as_they_are_with_a_warning(tmp_path: Path) -> None:
    content = write_page(tmp_path, 2 * MEBIBYTE)
    application = dev_around(site_of(tmp_path), limits=DevLimits(document=MEBIBYTE))
    response = ask(application, VISIT)
    assert read_all(response.body) == content
    assert fields_of(response)[b"cache-control"] == b"no-cache"
    (warning,) = application.warnings
    assert warning == "/large.html: no live reload: larger than 1048576 octets"
    write_page(tmp_path, MEBIBYTE)
    application.new_batch()
    assert ELEMENT in read_all(ask(application, VISIT).body)
    assert not application.warnings


def test_documents_in_use_are_bounded(tmp_path: Path) -> None:
    content = write_page(tmp_path, 2 * MEBIBYTE)
    other = write_page(tmp_path, 2 * MEBIBYTE + 300, "other.html")
    limits = DevLimits(documents_in_use=3 * MEBIBYTE)
    application = dev_around(site_of(tmp_path), limits=limits)
    first = ask(application, VISIT)
    second = ask(application, replace(VISIT, path=b"/other.html"))
    assert read_all(second.body) == other
    assert application.warnings == (
        "/other.html: no live reload: too many documents are being sent",
    )
    head = ask(application, replace(VISIT, path=b"/other.html", method=b"HEAD"))
    assert head.body == b""
    # The one that is in use is for others as well.
    assert ELEMENT in read_all(ask(application, VISIT).body)
    assert len(read_all(first.body)) == len(content) + len(ELEMENT)
    del first
    third = ask(application, replace(VISIT, path=b"/other.html"))
    assert ELEMENT in read_all(third.body)
    assert not application.warnings


# ---------------------------------------------------------------- files


class UnreadBody(FileBody):
    """A body whose readings would need a thread of the pool."""

    def open(self) -> FileReader:
        raise AssertionError("read by a reader")


@replaces_a_function
def test_cold_documents_need_no_second_thread(tmp_path: Path) -> None:
    """All threads of the pool may be busy, each with such a document."""
    write_page(tmp_path, 2 * MEBIBYTE)
    site = site_of(tmp_path)
    response = ask(site, VISIT)
    body = response.body
    assert isinstance(body, FileBody)
    assert body.length is not None
    unread = UnreadBody(
        body.handle, body.handle.version(), ((0, body.length),), FileAccess(submit=fail)
    )
    application = dev_around(FakeSite(replace(response, body=unread), later=True))
    assert ELEMENT in read_all(ask(application, VISIT).body)


def fail(job: Callable[[], None]) -> None:
    """There is no thread."""
    raise AssertionError(job)


def test_a_document_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    write_page(tmp_path, 2 * MEBIBYTE)
    response = ask(site_of(tmp_path), VISIT)
    assert isinstance(response.body, FileBody)
    os.truncate(tmp_path / "large.html", 1_000)
    exchange = FakeExchange(VISIT)
    dev_around(FakeSite(response, later=True)).handle(exchange)
    # The engine answers 500 and says so in the log.
    with pytest.raises(OSError, match="changed while it was being read"):
        exchange.run_jobs()


def test_files_are_not_kept_open(tmp_path: Path) -> None:
    """Not by dev mode: the site has a limit for those that it keeps open itself."""
    write_page(tmp_path, 2 * MEBIBYTE)
    response = ask(site_of(tmp_path), VISIT)
    response.prepared = True
    body = response.body
    assert isinstance(body, FileBody)
    handle = weakref.ref(body.handle)
    site = FakeSite(response)
    application = dev_around(site)
    document = ask(application, replace(VISIT, repeats=True))
    plain = ask(application, request(b"/large.html", repeats=True))
    assert handle() is not None
    del plain, response, body
    site.response = html_response()
    gc.collect()  # the site that had made it
    assert handle() is None
    assert not document.prepared


def test_a_page_that_is_remembered_is_octets() -> None:
    """What engines send fastest."""
    application = dev_around(FakeSite(html_response(prepared=True)))
    assert ELEMENT in bytes_of(ask(application, request(b"/", *NAVIGATION)))
