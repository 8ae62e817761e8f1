"""What every engine takes for a path: one rule, whatever the version of the protocol."""

from __future__ import annotations

import pytest

from tests.contracts.applications import Scripted, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect

#: RFC 3986 section 3.3 and what clients send as it is: everything but control characters, space
#: and the fragment's ``#``.
ALLOWED = frozenset((*range(0x21, 0x7F), *range(0x80, 0x100))) - frozenset(b"#")


@pytest.mark.parametrize("octet", range(256), ids=lambda octet: f"{octet:02x}")
def test_octets_of_a_path(dialect: Dialect, octet: int) -> None:
    path = b"/a" + bytes([octet]) + b"b"
    application = Scripted(lambda exchange: exchange.respond(text(200, b"served")))
    talk = Conversation(dialect, application)
    number = talk.request(path)
    talk.settle()
    assert [exchange.request.path for exchange in application.handled] == [path] * (
        octet in ALLOWED
    )
    if octet in ALLOWED:
        assert talk.whole_reply(number).content == b"served"
    else:
        assert talk.reply(number).status in (0, 400)
