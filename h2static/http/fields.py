"""Field lines as octets (RFC 9110 section 5).

Names are in lower case; values are unchanged.
"""

from __future__ import annotations

from typing import Final, TypeAlias

#: A field line: name in lower case, value (RFC 9113 section 8.2).
Field: TypeAlias = tuple[bytes, bytes]
#: A field section, or part of one, in order.
Fields: TypeAlias = tuple[Field, ...]

#: Names the product without its version: a version would help only attackers.
SERVER_FIELD: Final[Field] = (b"server", b"h2static")

#: The only field whose lines cannot be combined (RFC 9110 section 5.3).
SET_COOKIE: Final = b"set-cookie"
