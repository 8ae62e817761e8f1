"""libcurl with ngtcp2 and nghttp3, as the wheel of pycurl has it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pycurl
import pytest

#: Of curl/curl.h; pycurl does not name it.
_HTTP_VERSION_3ONLY = 31

#: Where the wheel has another libcurl.
needs_http3 = pytest.mark.skipif("nghttp3" not in pycurl.version, reason="libcurl without HTTP/3")


@dataclass(slots=True, kw_only=True)
class CurlAnswer:
    """What curl says of a request."""

    status: int
    #: 30 for HTTP/3.
    version: int
    head: str
    body: bytes


def fetch(
    url: str,
    authority: Path,
    *,
    version: int = _HTTP_VERSION_3ONLY,
    fields: tuple[str, ...] = (),
    upload: bytes | None = None,
    nobody: bool = False,
    method: str = "",
) -> CurlAnswer:
    """Ask for ``url``; ``authority``: whom to believe."""
    handle = pycurl.Curl()
    body, head = io.BytesIO(), io.BytesIO()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.HTTP_VERSION, version)
    handle.setopt(pycurl.CAINFO, str(authority))
    handle.setopt(pycurl.TIMEOUT, 30)
    handle.setopt(pycurl.WRITEDATA, body)
    handle.setopt(pycurl.HEADERFUNCTION, head.write)
    handle.setopt(pycurl.HTTPHEADER, list(fields))
    if method:
        handle.setopt(pycurl.CUSTOMREQUEST, method)
    if nobody:
        handle.setopt(pycurl.NOBODY, 1)
    if upload is not None:
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.POSTFIELDSIZE_LARGE, len(upload))
        handle.setopt(pycurl.READDATA, io.BytesIO(upload))
    try:
        handle.perform()
        return CurlAnswer(
            status=handle.getinfo(pycurl.RESPONSE_CODE),
            version=handle.getinfo(pycurl.INFO_HTTP_VERSION),
            head=head.getvalue().decode(),
            body=body.getvalue(),
        )
    finally:
        handle.close()
