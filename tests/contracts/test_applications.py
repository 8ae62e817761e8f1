"""What every application promises to engines.

The contract is that of :mod:`h2static.http.exchange`, :mod:`h2static.http.messages` and
:mod:`h2static.http.lifecycle`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2static.http import grammar
from h2static.http.bodies import Body
from h2static.http.exchange import Application
from h2static.http.fields import Fields
from h2static.http.lifecycle import lifecycle_of
from h2static.http.messages import WITHOUT_CONTENT, Request, Response
from tests.contracts.subjects import AUTHORITY, SUBJECTS, UPLOADS, Subject, make_tree
from tests.support.exchange import FakeExchange

#: What an endless body may give at first.
ENDLESS = 1_048_576

#: Requests that each application answers in some way of its own.
METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"get", b"!")
FIELDS: tuple[Fields, ...] = (
    (),
    ((b"sec-fetch-dest", b"document"), (b"accept", b"text/html")),
    ((b"accept-encoding", b"gzip, br"),),
    ((b"range", b"bytes=0-0"),),
    ((b"range", b"bytes=5-1,x"), (b"if-none-match", b"*")),
    ((b"if-modified-since", b"Sun, 06 Nov 2094 08:49:37 GMT"),),
    ((b"origin", b"http://a.test"), (b"access-control-request-method", b"PUT")),
    ((b"accept", b"application/json"), (b"cookie", b"a=1"), (b"cookie", b"b=2")),
    ((b"purpose", b"prefetch"), (b"cache-control", b"no-cache")),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no test changes."""
    root = tmp_path_factory.mktemp("tree")
    make_tree(root)
    return root


@pytest.fixture(params=SUBJECTS)
def make(request: pytest.FixtureRequest, tree: Path) -> Callable[[], Subject]:
    """Makes one application after the other, all of the same kind."""
    return lambda: SUBJECTS[request.param](tree)


def _request(
    path: bytes,
    *,
    method: bytes = b"GET",
    fields: Fields = (),
    authority: bytes = AUTHORITY,
    repeats: bool = False,
) -> Request:
    return Request(
        method=method,
        scheme=b"https",
        authority=authority,
        path=path,
        fields=fields,
        repeats=repeats,
    )


def _requests(subject: Subject, *, repeats: bool) -> Iterator[Request]:
    for path, fields in itertools.product(subject.paths, FIELDS):
        for method in METHODS if not fields else (b"GET", b"HEAD"):
            yield _request(path, method=method, fields=fields, repeats=repeats)
    for authority in (b"", b"a b", b"evil.test", b"127.0.0.1:99999", b"dev.test"):
        yield _request(b"/", authority=authority, repeats=repeats)


def _handle(application: Application, request: Request, content: bytes = b"") -> FakeExchange:
    """One request from its head to its response."""
    exchange = FakeExchange(request, content=bool(content))
    application.handle(exchange)
    assert exchange.response or exchange.jobs or exchange.sink, f"no answer to {request}"
    if content:
        if exchange.sink is not None:
            exchange.send(content)
        exchange.end()
    exchange.run_jobs()
    assert exchange.responded == 1, f"{exchange.responded} responses to {request}"
    assert exchange.aborted is None
    return exchange


def _octets(response: Response) -> bytes:
    """The content, or the beginning of content that has no end."""
    if isinstance(response.body, bytes):
        return response.body
    body: Body = response.body
    reader = body.open()
    found = bytearray()
    try:
        while True:
            piece = reader.read(65_536)
            if piece is None:
                woken = threading.Event()
                reader.wait(woken.set)
                if woken.is_set():
                    continue
                assert body.length is None, "nobody wakes the reader"
                break
            if not piece:
                assert body.length in (None, len(found))
                break
            assert len(piece) <= 65_536
            found += piece
            assert len(found) <= max(ENDLESS, body.length or 0)
    finally:
        reader.close()
        reader.close()
    return bytes(found)


def _assert_valid(request: Request, response: Response) -> None:
    """What a response always is (:class:`h2static.http.messages.Response`)."""
    assert 200 <= response.status <= 599
    names = [name for name, _ in response.fields]
    for name, value in response.fields:
        assert grammar.LOWER_CASE_NAME.fullmatch(name), name
        assert value == b"" or grammar.FIELD_VALUE.fullmatch(value), (name, value)
    assert b"date" not in names
    assert b"connection" not in names
    assert b"transfer-encoding" not in names
    assert names.count(b"content-length") <= 1
    if request.method == b"HEAD" or response.status in WITHOUT_CONTENT:
        assert response.body == b""
        return
    octets = _octets(response)
    length = dict(response.fields).get(b"content-length")
    if length is not None:
        assert int(length) == len(octets)
    else:
        assert not isinstance(response.body, bytes) or response.body == b""
        assert isinstance(response.body, bytes) or response.body.length is None


def _shape(response: Response) -> tuple[object, ...]:
    """What can be compared of responses of different applications.

    Without what is made anew for each response: a nonce, an event stream's hello.
    """
    octets = b"" if b"event-stream" in dict(response.fields).get(b"content-type", b"") else None
    return (
        response.status,
        response.fields,
        _octets(response) if octets is None else octets,
        response.early,
        response.hints is None,
    )


# ---------------------------------------------------------------------- responses


@pytest.mark.parametrize("repeats", [False, True])
def test_every_request_gets_one_valid_response(make: Callable[[], Subject], repeats: bool) -> None:
    subject = make()
    lifecycle_of(subject.application).start()
    for request in _requests(subject, repeats=repeats):
        lifecycle_of(subject.application).new_batch()
        _assert_valid(request, _handle(subject.application, request).answer())


def test_head_is_get_without_content(make: Callable[[], Subject]) -> None:
    """RFC 9110 section 9.3.2: the same fields, where they can be known."""
    subject = make()
    for path, fields in itertools.product(subject.paths, FIELDS):
        if any(name == b"range" for name, _ in fields):
            continue  # defined for GET only (RFC 9110 section 14.2)
        get = _handle(subject.application, _request(path, fields=fields)).answer()
        head = _handle(subject.application, _request(path, method=b"HEAD", fields=fields)).answer()
        if subject.paths[1] == b"/job":
            continue  # the fake says less to HEAD
        assert (head.status, dict(head.fields)) == (get.status, dict(get.fields)), (path, fields)


def test_content_of_any_request_is_taken_or_ignored(make: Callable[[], Subject]) -> None:
    subject = make()
    for path, method in itertools.product(subject.paths, METHODS):
        for size in (1, 100_000, 300_000):
            request = _request(path, method=method)
            exchange = _handle(subject.application, request, content=b"c" * size)
            _assert_valid(request, exchange.answer())


# ---------------------------------------------------------------------- recall


def test_recall_gives_what_handle_gives(make: Callable[[], Subject]) -> None:
    subject = make()
    application = subject.application
    recalled = 0
    for request in _requests(subject, repeats=True):
        lifecycle_of(application).new_batch()
        first = _handle(application, request).answer()
        found = application.recall(request)
        again = _handle(application, request).answer()
        if found is None:
            continue
        recalled += 1
        assert found.prepared
        assert found is again
        assert found is application.recall(request)
        assert _shape(found) == _shape(first)
    assert recalled


def test_prepared_objects_are_given_again(make: Callable[[], Subject]) -> None:
    """What is not prepared is never recalled."""
    subject = make()
    application = subject.application
    prepared = 0
    for request in _requests(subject, repeats=True):
        lifecycle_of(application).new_batch()
        _handle(application, request)
        response = _handle(application, request).answer()
        if response.prepared:
            prepared += 1
            assert _handle(application, request).answer() is response
            assert application.recall(request) in (response, None)
        else:
            assert application.recall(request) is None
    assert prepared


def test_nothing_is_prepared_for_a_request_that_does_not_repeat(
    make: Callable[[], Subject],
) -> None:
    """Unless an equal request gets the same object: memories would hold what never comes again."""
    subject = make()
    application = subject.application
    pairs = zip(_requests(subject, repeats=False), _requests(subject, repeats=False), strict=True)
    for request, equal in pairs:
        lifecycle_of(application).new_batch()
        response = _handle(application, request).answer()
        if response.prepared:
            assert _handle(application, equal).answer() is response, request


def test_recall_has_no_effects(make: Callable[[], Subject]) -> None:
    """An application that is asked all the time answers as one that is never asked."""
    asked, unasked = make(), make()
    requests = list(_requests(asked, repeats=True))
    for number, request in enumerate(requests):
        others = (requests[number], requests[number - 1], requests[-number])
        for other in others:
            first = asked.application.recall(other)
            assert first is asked.application.recall(other)
        expected = _handle(unasked.application, request).answer()
        found = _handle(asked.application, request).answer()
        assert _shape(found) == _shape(expected)
        assert found.prepared == expected.prepared


def test_nothing_is_recalled_that_was_never_asked_for(make: Callable[[], Subject]) -> None:
    """But for what an application has from the start, which is as valid as any response."""
    subject = make()
    for request in _requests(subject, repeats=True):
        found = subject.application.recall(request)
        if found is not None:
            assert found.prepared
            _assert_valid(request, found)
            assert _handle(subject.application, request).answer() is found


@pytest.mark.parametrize("name", [name for name in SUBJECTS if "fake" not in name])
def test_what_is_recalled_is_never_older_than_its_batch(name: str, tmp_path: Path) -> None:
    make_tree(tmp_path)
    subject = SUBJECTS[name](tmp_path)
    application = subject.application
    requests = [
        _request(b"/sub/x.txt", repeats=True),
        _request(b"/sub/x.txt", fields=FIELDS[1], repeats=True),
        _request(b"/", fields=FIELDS[1], repeats=True),
    ]
    for number in range(4):
        (tmp_path / "sub" / "x.txt").write_bytes(b"version %d\n" % number * (number + 1))
        (tmp_path / "index.html").write_bytes(b"<title>version %d</title>" % number)
        lifecycle_of(application).new_batch()
        for request in requests:
            found = application.recall(request)
            assert found is None or b"version %d" % number in _octets(found)
            for _ in range(2):
                response = _handle(application, request).answer()
                assert b"version %d" % number in _octets(response)
    (tmp_path / "sub" / "x.txt").unlink()
    lifecycle_of(application).new_batch()
    found = application.recall(requests[0])
    assert found is None or found.status == 404
    assert _handle(application, requests[0]).answer().status == 404


# ---------------------------------------------------------------------- refuse


@pytest.mark.parametrize("asked", [None, b"GET", b"HEAD", b"!"])
def test_every_status_can_be_refused(make: Callable[[], Subject], asked: bytes | None) -> None:
    subject = make()
    for status in range(400, 600):
        path = (b"/", b"/\xff\x00", b"", b"/.h2static/events")[status % 4]
        request = None if asked is None else _request(path, method=asked)
        response = subject.application.refuse(status, request)
        assert response.status == status
        assert isinstance(response.body, bytes)
        _assert_valid(request or _request(b"/"), response)


# ---------------------------------------------------------------------- odd requests

_ODD_NAMES = st.sampled_from(
    [
        b"accept", b"accept-encoding", b"range", b"if-range", b"if-match", b"if-none-match",
        b"if-modified-since", b"if-unmodified-since", b"cookie", b"origin", b"host", b"referer",
        b"content-length", b"content-type", b"sec-fetch-dest", b"sec-fetch-site", b"expect", b"x",
        b"access-control-request-method", b"access-control-request-headers", b"user-agent",
    ]
)  # fmt: skip
_ODD_VALUES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"bytes=0-", b"bytes=-0", b"bytes=" + b"0-0," * 500, b"*", b'"a", W/"b"', b"gzip;q=0",
            b"identity;q=0, *;q=0", b"text/html;q=9", b",,,", b"9" * 5_000, b"a" * 60_000,
            b"Sun, 99 Nov 0000 99:99:99 GMT", b"document", b"cross-site", b"null", b"bytes=9-8",
        ]
    ),
)  # fmt: skip
_ODD_PATHS = st.one_of(
    st.binary(max_size=60).map(lambda octets: b"/" + octets),
    st.binary(max_size=20),
    st.lists(
        st.sampled_from(
            [b"/", b"..", b".", b"%2e", b"%2F", b"%5c", b"%00", b"%", b"%zz", b"%FF", b"?", b"#",
             b"a.css", b"index.html", b"sub", b";", b"\\", b"~", b".h2static", b"up", b"*", b":"]
        ),
        max_size=12,
    ).map(b"".join),
    st.sampled_from([b"/" + b"a" * 60_000, b"/" * 5_000, b"/a.css?" + b"q" * 60_000]),
)  # fmt: skip
_ODD_REQUESTS = st.builds(
    Request,
    method=st.one_of(st.sampled_from(METHODS), st.binary(min_size=1, max_size=20)),
    scheme=st.sampled_from([b"http", b"https", b""]),
    authority=st.one_of(st.just(AUTHORITY), st.binary(max_size=20)),
    path=_ODD_PATHS,
    fields=st.lists(st.tuples(_ODD_NAMES, _ODD_VALUES), max_size=6).map(tuple),
    repeats=st.booleans(),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(_ODD_REQUESTS, min_size=1, max_size=5), content=st.binary(max_size=50))
def test_odd_requests(make: Callable[[], Subject], requests: list[Request], content: bytes) -> None:
    subject = make()
    for request in requests:
        subject.application.recall(request)
        exchange = _handle(subject.application, request, content=content)
        _assert_valid(request, exchange.answer())
        found = subject.application.recall(request)
        if found is not None:
            _assert_valid(request, found)


def test_every_octet_in_a_path_and_a_method(make: Callable[[], Subject]) -> None:
    subject = make()
    for octet in range(256):
        character = bytes([octet])
        for path in (b"/" + character, b"/sub/%%%02x" % octet):
            request = _request(path, fields=FIELDS[octet % 2])
            _assert_valid(request, _handle(subject.application, request).answer())
        request = _request(b"/a.css", method=b"GE" + character)
        _assert_valid(request, _handle(subject.application, request).answer())
        request = _request(b"/", authority=b"localhost" + character)
        _assert_valid(request, _handle(subject.application, request).answer())


# ---------------------------------------------------------------------- lifecycle

_MOMENTS = ("start", "new_batch", "release", "drain", "stop", "ask", "recall", "event")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(st.sampled_from(_MOMENTS), max_size=20), seed=st.integers(0, 10_000))
def test_the_lifecycle_in_any_order(
    make: Callable[[], Subject], moments: list[str], seed: int
) -> None:
    subject = make()
    application, lifecycle = subject.application, lifecycle_of(subject.application)
    for number, moment in enumerate(moments):
        path = subject.paths[(seed + number * 7) % len(subject.paths)]
        request = _request(path, fields=FIELDS[(seed + number) % len(FIELDS)], repeats=True)
        if moment == "ask":
            _assert_valid(request, _handle(application, request).answer())
        elif moment == "recall":
            application.recall(request)
        elif moment == "event":
            _octets(_handle(application, _request(b"/.h2static/events")).answer())
        else:
            getattr(lifecycle, moment)()
    request = _request(b"/")
    _assert_valid(request, _handle(application, request).answer())


def test_release_forgets_nothing_that_is_needed(make: Callable[[], Subject]) -> None:
    subject = make()
    for request in _requests(subject, repeats=True):
        before = _handle(subject.application, request).answer()
        lifecycle_of(subject.application).release()
        after = _handle(subject.application, request).answer()
        assert _shape(after) == _shape(before)


def test_drain_ends_what_would_not_end_by_itself(make: Callable[[], Subject]) -> None:
    subject = make()
    for path in subject.paths:
        response = _handle(subject.application, _request(path)).answer()
        if isinstance(response.body, bytes) or response.body.length is not None:
            continue
        reader = response.body.open()
        while reader.read(65_536):
            pass
        woken = threading.Event()
        reader.wait(woken.set)
        assert not woken.is_set()
        lifecycle_of(subject.application).drain()
        assert woken.is_set()
        while reader.read(65_536):
            pass
        assert reader.read(65_536) == b""
        reader.close()


# ---------------------------------------------------------------------- the client goes


@pytest.mark.parametrize("moment", ["before", "after the head", "in the content", "at its end"])
def test_a_client_that_goes_leaves_nothing(make: Callable[[], Subject], moment: str) -> None:
    subject = make()
    for path, method in itertools.product(subject.paths, METHODS):
        exchange = FakeExchange(_request(path, method=method), content=True)
        if moment == "before":
            exchange.lose()
        subject.application.handle(exchange)
        jobs = list(exchange.jobs)
        if moment == "in the content" and exchange.sink is not None:
            exchange.send(b"some")
        if moment == "at its end":
            if exchange.sink is not None:
                exchange.send(b"all")
            exchange.end()
        exchange.lose()
        informed = len(exchange.informed)
        # A thread may have begun with a job before.
        for job in jobs:
            exchange.take_outcome(job())
        if exchange.response is not None:
            _octets(exchange.response)
        assert len(exchange.informed) == informed
        assert exchange.aborted is None
    following = _request(b"/")
    _assert_valid(following, _handle(subject.application, following).answer())


def test_uploads_of_clients_that_went_take_no_room(make: Callable[[], Subject]) -> None:
    subject = make()
    if not subject.echoes:
        pytest.skip("takes no content")
    # Each is large enough for a file of its own; they are more than files or octets there may be.
    assert 3 * UPLOADS.upload_files * 150_000 > UPLOADS.uploads
    for _ in range(3 * UPLOADS.upload_files):
        exchange = FakeExchange(_request(b"/", method=b"POST"), content=True)
        subject.application.handle(exchange)
        exchange.send(bytes(150_000))
        assert exchange.response is None
        exchange.lose()
    exchange = _handle(subject.application, _request(b"/", method=b"POST"), content=b"hello")
    assert exchange.answer().status == 200
    assert _octets(exchange.answer()) == b"hello"
