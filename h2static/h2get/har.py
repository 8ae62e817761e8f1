"""Requests and responses as HAR 1.2 (``-r``), for browsers' developer tools and waterfalls.

Contract: :func:`document` returns JSON with entries in the order of the requests, including pushed
responses.  Fields whose names start with an underscore are extensions, as the format allows:
``_stream``, ``_pushed``, ``_informational``, ``_trailers``.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from h2static.client import HTTP2
from h2static.h2get.fetch import Finished
from h2static.http.fields import Fields
from h2static.http2.field_sections import request_section
from h2static.version import __version__

#: JSON values.
_Object = dict[str, Any]


def document(finished: Iterable[Finished]) -> str:
    """The complete document."""
    entries = sorted(finished, key=lambda one: one.response.times.asked)
    creator = {"name": "h2get", "version": __version__}
    log = {"version": "1.2", "creator": creator, "pages": [], "entries": list(map(_entry, entries))}
    return json.dumps({"log": log}, indent=2) + "\n"


def _entry(one: Finished) -> _Object:
    response = one.response
    times = response.times
    end = times.end or times.asked
    head = times.head or end
    # The wall clock as of the monotonic one.
    began = datetime.fromtimestamp(time.time() - (time.monotonic() - times.asked), UTC)
    address = one.client.address
    return {
        "startedDateTime": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": _milliseconds(end - times.asked),
        "request": _request(one),
        "response": _response(one),
        "cache": {},
        "timings": {
            "blocked": -1,
            "dns": -1,
            "connect": -1,
            "ssl": -1,
            "send": 0,
            "wait": _milliseconds(head - times.asked),
            "receive": _milliseconds(end - head),
        },
        "serverIPAddress": address if isinstance(address, str) else address[0],
        "_stream": response.stream_id,
        "_pushed": response.pushed,
        "_informational": [
            {"status": early.status, "headers": _headers(early.fields)}
            for early in response.informational
        ],
        "_trailers": _headers(response.trailers),
    }


def _request(one: Finished) -> _Object:
    request = one.response.request
    query = parse_qsl(urlsplit(one.url).query, keep_blank_values=True)
    if one.client.protocol == HTTP2:
        section = request_section(request)
    else:
        section = ((b"host", request.authority), *request.fields)
    return {
        "method": request.method.decode("latin-1"),
        "url": one.url,
        "httpVersion": _version(one),
        "cookies": [],
        "headers": _headers(section),
        "queryString": [{"name": name, "value": value} for name, value in query],
        "headersSize": -1,
        "bodySize": -1,
    }


def _response(one: Finished) -> _Object:
    response = one.response
    if not response.has_started:
        return {
            "status": 0, "statusText": "", "httpVersion": _version(one), "cookies": [],
            "headers": [], "redirectURL": "", "headersSize": -1, "bodySize": -1,
            "content": {"size": 0, "mimeType": ""},
        }  # fmt: skip
    content: _Object = {
        "size": one.size,
        "mimeType": response.header("content-type") or "application/octet-stream",
    }
    if one.content is None:
        content["comment"] = "too large to keep"
    elif one.content:
        try:
            content["text"] = one.content.decode("utf-8")
        except UnicodeDecodeError:
            content["text"] = base64.b64encode(one.content).decode("ascii")
            content["encoding"] = "base64"
    return {
        "status": response.status,
        "statusText": "",
        "httpVersion": _version(one),
        "cookies": [],
        "headers": _headers(response.fields),
        "content": content,
        "redirectURL": response.header("location") or "",
        "headersSize": -1,
        "bodySize": response.received,
    }


def _version(one: Finished) -> str:
    return "HTTP/2" if one.client.protocol == HTTP2 else "HTTP/1.1"


def _headers(fields: Fields) -> list[_Object]:
    return [
        {"name": name.decode("latin-1"), "value": value.decode("utf-8", "backslashreplace")}
        for name, value in fields
    ]


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
