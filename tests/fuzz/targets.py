"""All targets by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from tests.fuzz import http2, others

Target: TypeAlias = Callable[[bytes], None]

TARGETS: Final[dict[str, Target]] = {
    "http2-server": http2.http2_server,
    "http2-client": http2.http2_client,
    "header-blocks": others.header_blocks,
    "http1": others.http1,
    "first-octets": others.first_octets,
    "paths": others.paths,
    "fields": others.fields,
    "rules": others.rules,
    "site": others.site,
}
