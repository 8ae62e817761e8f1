"""The exit statuses of ``h2get``.

After an interruption, or when the reader of standard output disappears, they are those that shells
report for programs killed by SIGINT or SIGPIPE.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0
#: A response or an expectation has failed.
FAILED: Final = 1
USAGE: Final = 2
UNCONNECTED: Final = 3
INTERRUPTED: Final = 130
NO_READER: Final = 141
