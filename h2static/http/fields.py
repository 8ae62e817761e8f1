"""Field lines as octets (RFC 9110 section 5).

Names are in lower case; values are as they came or go.
"""

from __future__ import annotations

from typing import Final, TypeAlias

#: A field line: name in lower case, value (RFC 9113 section 8.2).
Field: TypeAlias = tuple[bytes, bytes]
#: A field section, or a part of one, in its order.
Fields: TypeAlias = tuple[Field, ...]

#: Names the product, not the version: a version is of use to attackers only.
SERVER_FIELD: Final[Field] = (b"server", b"h2static")
