"""The exit codes of ``h2get``: what each way to end is called, in one place.

An interruption and a reader of standard output that goes away give what shells report of programs
that SIGINT or SIGPIPE has ended.
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
