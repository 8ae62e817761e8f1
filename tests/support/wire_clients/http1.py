"""An HTTP/1.1 client at the level of octets (RFC 9112)."""

from __future__ import annotations

from dataclasses import dataclass

from h2static.http.fields import Field, Fields
from tests.support.wire_clients.shape import Reply

_EMPTY_STATUSES = frozenset((204, 304))


@dataclass(slots=True, kw_only=True)
class _Sent:
    """A request that was sent."""

    method: bytes
    chunked: bool
    tunnel: bool = False


class Http1Client:
    """See :class:`tests.support.wire_clients.shape.WireClient`."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self._requests: list[_Sent] = []
        self._output = bytearray()
        self._input = bytearray()
        #: Number of the request whose response comes, or comes next.
        self._at = 0
        #: Octets that are left of the content or the chunk; -1: up to the end of the connection;
        #: ``None``: a head comes next.
        self._left: int | None = None
        self._chunked = False
        self.authority = b"example.test"

    # ------------------------------------------------------------------ requests

    def take_output(self) -> bytes:
        octets = bytes(self._output)
        self._output.clear()
        return octets

    @property
    def held_back(self) -> int:
        return 0

    def request(
        self,
        method: bytes,
        path: bytes,
        fields: tuple[Field, ...],
        *,
        content: bool,
        length: int | None,
    ) -> int:
        lines = [b"%b %b HTTP/1.1" % (method, path), b"host: " + self.authority]
        lines += [b"%b: %b" % item for item in fields]
        chunked = content and length is None
        if chunked:
            lines.append(b"transfer-encoding: chunked")
        elif content:
            lines.append(b"content-length: %d" % (length or 0))
        self._output += b"\r\n".join(lines) + b"\r\n\r\n"
        self._requests.append(_Sent(method=method, chunked=chunked))
        self.replies.append(Reply())
        return len(self.replies) - 1

    def ask_for(self, protocol: bytes, path: bytes, fields: tuple[Field, ...]) -> int:
        upgrade = ((b"connection", b"keep-alive, Upgrade"), (b"upgrade", protocol))
        number = self.request(b"GET", path, (*upgrade, *fields), content=False, length=None)
        self._requests[number].tunnel = True
        return number

    def content(self, number: int, data: bytes) -> None:
        if self._requests[number].chunked:
            self._output += b"%x\r\n%b\r\n" % (len(data), data)
        else:
            self._output += data

    def end(self, number: int, trailers: Fields) -> None:
        assert not self._requests[number].tunnel, "a tunnel ends with its connection"
        if self._requests[number].chunked:
            section = b"".join([b"%b: %b\r\n" % item for item in trailers])
            self._output += b"0\r\n" + section + b"\r\n"
        else:
            assert not trailers, "trailers need chunked content"

    def malform(self, number: int) -> None:
        assert self._requests[number].chunked
        self._output += b"no size\r\n"

    def cancel(self, number: int) -> bool:
        return False

    def hold_credit(self) -> bool:
        return False

    def return_credit(self) -> None:
        """There is none."""

    # ------------------------------------------------------------------ responses

    def receive(self, data: bytes) -> None:
        self._input += data
        while self._step():
            pass

    def closed(self) -> None:
        if self._left == -1:
            self._complete()
        for reply in self.replies[self._at :]:
            reply.broken = True

    def _step(self) -> bool:
        """Read one part; false when more must come first."""
        if self._left is None:
            return self._read_head()
        if self._chunked:
            return self._read_chunk()
        if self._left == 0:
            self._complete()
            return True
        return self._read_octets()

    def _read_head(self) -> bool:
        head, separator, rest = bytes(self._input).partition(b"\r\n\r\n")
        if not separator:
            return False
        self._input[:] = rest
        assert self._at < len(self.replies), f"a response that nobody asked for: {head!r}"
        line, *lines = head.split(b"\r\n")
        version, status_octets, _ = line.split(b" ", 2)
        assert version == b"HTTP/1.1", line
        fields = tuple(_field(item) for item in lines)
        reply = self.replies[self._at]
        status = int(status_octets)
        if status == 101:
            assert self._requests[self._at].tunnel, "101 for a request that asks for no protocol"
            reply.status, reply.fields, reply.granted = status, fields, True
            self._left = -1
            return True
        if status < 200:
            reply.informational.append((status, fields))
            return True
        reply.status, reply.fields = status, fields
        self._frame_content(reply)
        return True

    def _frame_content(self, reply: Reply) -> None:
        """RFC 9112 section 6.3: how long the content is."""
        length = reply.value(b"content-length")
        coding = reply.value(b"transfer-encoding")
        assert length is None or coding is None, "both content-length and transfer-encoding"
        self._chunked = False
        if self._requests[self._at].method == b"HEAD" or reply.status in _EMPTY_STATUSES:
            self._left = 0
        elif coding is not None:
            assert coding == b"chunked"
            self._chunked, self._left = True, 0
        else:
            self._left = -1 if length is None else int(length)

    def _read_octets(self) -> bool:
        if not self._input:
            return False
        assert self._left is not None
        size = len(self._input) if self._left == -1 else min(self._left, len(self._input))
        self.replies[self._at].received += self._input[:size]
        del self._input[:size]
        if self._left != -1:
            self._left -= size
        return True

    def _read_chunk(self) -> bool:
        reply = self.replies[self._at]
        if self._left:
            # The line end after the chunk's octets included.
            if len(self._input) < self._left:
                return False
            reply.received += self._input[: self._left - 2]
            assert self._input[self._left - 2 : self._left] == b"\r\n", "no line end after a chunk"
            del self._input[: self._left]
            self._left = 0
            return True
        line, separator, rest = bytes(self._input).partition(b"\r\n")
        if not separator:
            return False
        size = int(line, 16)
        if size:
            self._input[:] = rest
            self._left = size + 2
            return True
        section, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return False
        if section:
            more, separator, rest = bytes(self._input).partition(b"\r\n\r\n")
            if not separator:
                return False
            reply.trailers = tuple(_field(item) for item in more.split(b"\r\n")[1:])
        self._input[:] = rest
        self._complete()
        return True

    def _complete(self) -> None:
        self.replies[self._at].whole = True
        self._at += 1
        self._left = None
        self._chunked = False


def _field(line: bytes) -> Field:
    name, separator, value = line.partition(b":")
    assert separator, line
    return name.lower(), value.strip()
