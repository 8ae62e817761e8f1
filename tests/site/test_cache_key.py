"""Cache keys: what of a request counts."""

from __future__ import annotations

from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.site.cache_key import CacheKeys, cache_key_of


def _request(path: bytes, fields: Fields) -> Request:
    return Request(
        method=b"GET", scheme=b"http", authority=b"test.example", path=path, fields=fields
    )


def test_the_same_fields_with_other_paths() -> None:
    keys = CacheKeys(accept=True, destination=True)
    fields = ((b"accept", b"text/html"), (b"range", b"bytes=0-1"), (b"accept", b"*/*"))
    for path in (b"/", b"/other", b"/"):
        key = keys.of(_request(path, fields))
        assert key == cache_key_of(_request(path, fields))
        assert (key.path, key.accept, key.range) == (path, b"text/html, */*", b"bytes=0-1")


def test_fields_of_many_clients() -> None:
    """An identity that comes again is not mistaken for the object that had it before."""
    keys = CacheKeys(accept=True, destination=True)
    for number in range(1_000):
        fields = ((b"accept", b"text/%d" % number),)
        assert keys.of(_request(b"/", fields)).accept == b"text/%d" % number
        del fields
    assert len(keys._values) <= 64
