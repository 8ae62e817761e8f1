"""Files that an application sends by path: ``http.response.pathsend``.

Contract: :meth:`Files.response` opens a regular file and returns a body that is read like the files
of a site: pulled by the engine, never waiting for a disk in the loop's thread.  A GET for one range
of a 200 response gets 206 (RFC 9110 section 14.2), unless the application handles ranges itself.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import Final

from h2static.asgi.errors import InvalidEvent
from h2static.asgi.sections import Section
from h2static.http.bodies import Body
from h2static.http.dates import parse_http_date
from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.site.bodies import FileAccess, FileBody, take_sample
from h2static.site.conditional import Validators, range_applies
from h2static.site.files import FileHandle
from h2static.site.octets import Piece
from h2static.site.ranges import content_range, parse_ranges

_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Files:
    """Opens files for applications."""

    def __init__(self, access: FileAccess) -> None:
        """``access``: how files are read while they are sent."""
        self._access = access

    def response(
        self, path: str, request: Request, status: int, section: Section
    ) -> tuple[int, Fields, bytes | Body]:
        """See :meth:`h2static.asgi.http.Host.file`."""
        handle = FileHandle(os.open(path, _OPEN))
        if not stat.S_ISREG(os.fstat(handle.descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        version = handle.version()
        size = version.size
        if section.length is not None and section.length != size:
            raise InvalidEvent(
                f"http.response.pathsend: content-length is {section.length}, but {path} has"
                f" {size} octets"
            )
        start, end = 0, size
        fields = section.fields
        if status == 200 and request.method == b"GET":
            span = self._range(request, section.fields, size)
            if span is not None:
                start, end = span
                status = 206
                fields = (*fields, (b"content-range", content_range(span, size)))
        if status == 206 or section.length is None:
            fields = tuple([one for one in fields if one[0] != b"content-length"])
            fields = (*fields, (b"content-length", b"%d" % (end - start)))
        if start == end:
            return status, fields, b""
        pieces: tuple[Piece, ...] = ((start, end),)
        sample = take_sample(handle, version)
        return status, fields, FileBody(handle, version, pieces, self._access, sample)

    def _range(self, request: Request, fields: Fields, size: int) -> tuple[int, int] | None:
        """The single satisfiable range of the request; ``None``: the complete file."""
        value = request.field(b"range")
        if value is None:
            return None
        said = dict(fields)
        if b"content-range" in said or said.get(b"accept-ranges") == b"none":
            return None
        now = time.time()
        modified = said.get(b"last-modified")
        validators = Validators(
            etag=said.get(b"etag", b""),
            modified=None if modified is None else parse_http_date(modified, now),
        )
        if not range_applies(request.field(b"if-range"), validators, now):
            return None
        spans = parse_ranges(value, size, self._access.limits)
        return spans[0] if spans is not None and len(spans) == 1 else None
