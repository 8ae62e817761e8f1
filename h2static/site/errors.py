"""Errors inside a site, and the meaning of system errors."""

from __future__ import annotations

import errno

from h2static.http.messages import Field

#: Statuses for errors of the file system; other errors are 500.
_STATUS_OF_ERROR = {
    errno.ENOENT: 404,
    errno.ENOTDIR: 404,
    errno.EISDIR: 404,
    errno.ENAMETOOLONG: 404,
    errno.ELOOP: 404,
    errno.EILSEQ: 404,
    errno.EACCES: 403,
    errno.EPERM: 403,
    errno.EMFILE: 503,
    errno.ENFILE: 503,
    errno.ENOMEM: 503,
}
#: Errors that depend only on a folder's entries, and so last as long as its version.
_LASTING_ERRORS = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


class WouldBlockError(Exception):
    """Continuing would block on a medium: it must happen in another thread."""


class ChangedError(Exception):
    """A file has changed since a moment ago: start over."""


class SiteError(Exception):
    """The response is an error.

    ``status`` is 400 to 599; ``fields`` belong to that status (Allow, Content-Range).  ``refusal``:
    see :attr:`h2static.http.messages.Response.refusal`.
    """

    def __init__(self, status: int, *fields: Field, refusal: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.fields = fields
        self.refusal = refusal


def site_error(error: OSError) -> SiteError:
    """The error response for ``error``; it is a refusal if the file exists but is unreadable."""
    status = _STATUS_OF_ERROR.get(error.errno or 0, 500)
    return SiteError(status, refusal=None if status == 404 else error.strerror or str(error))


def is_absent(error: OSError) -> bool:
    """Whether ``error`` means that the file does not exist."""
    return _STATUS_OF_ERROR.get(error.errno or 0) == 404


def is_lasting(error: OSError) -> bool:
    """Whether the same names give the same error as long as their folders do not change."""
    return error.errno in _LASTING_ERRORS
