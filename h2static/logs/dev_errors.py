"""The error log of dev mode: for the one person who edits the site, beside the request log.

Contract: as :class:`h2static.logs.errors.ErrorLog`, but that a browser does not trust the
certificate is told once, in the manner of the request log, and what browsers do all the time is not
told: they open connections ahead of need and drop them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from h2static.logs.errors import ErrorLog

_DISTRUST = "the client does not trust the certificate"
#: What becomes of connections that were opened ahead of need.
_USUAL = (
    "no connection preface before the timeout",
    "no request before the timeout",
    "the client closed the connection",
)


class DevErrorLog(ErrorLog):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    def report(self, kind: str, peer: str, text: str, details: Sequence[str] = ()) -> None:
        """See :meth:`h2static.logs.errors.ErrorLog.report`."""
        if text.endswith(_DISTRUST):
            if not self._told:
                self._told = True
                self.write_line(
                    f"{time.strftime('%H:%M:%S')}  a browser does not trust the certificate;"
                    " if h2static made it, run h2static install-ca --yes"
                )
        elif not text.endswith(_USUAL):
            super().report(kind, peer, text, details)
