"""The error log of dev mode: for the person who edits the site, next to the request log.

Contract: like :class:`h2static.logs.errors.ErrorLog`, but a browser that does not trust the
certificate is reported only once, in the form of the request log, and normal behavior of browsers
is not reported: they open connections speculatively and drop them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from h2static.logs.errors import ErrorLog

_DISTRUST = "the client does not trust the certificate"
#: The usual end of connections that browsers opened speculatively.
_USUAL = (
    "no connection preface before the timeout",
    "no request before the timeout",
    "the client closed the connection",
)


class DevErrorLog(ErrorLog):
    """The error log of dev mode."""

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
