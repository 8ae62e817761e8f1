"""The verbose log of a client, in nghttp's form (``h2get -v``).

Contract: like :class:`~h2static.logs.frames.FrameLog`, for the other end: the same lines, order and
indentation as nghttp 1.52.  HTTP/1.1 has no frames: its header sections are shown instead, with
the fields below the first line, like those of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from h2static.http.fields import Field
from h2static.http2 import frames as f
from h2static.logs.escape import escape, escape_octets
from h2static.logs.frames import RECEIVED, RESET, SENT, FrameLog

_INDENT: Final = " " * 10


class ClientFrameLog(FrameLog):
    """Watches one connection of a client; an :class:`h2static.http2.observer.Observer` and an
    :class:`h2static.http1.observer.HeadObserver`."""

    def __init__(
        self, write: Callable[[str], object], clock: Callable[[], float], *, color: bool
    ) -> None:
        """``clock`` returns seconds since the start of connecting."""
        super().__init__(0, write, clock, color=color)
        #: Streams whose first HEADERS were shown, in each direction.
        self._sent_on: set[int] = set()
        self._received_on: set[int] = set()

    def connected(self) -> None:
        """The connection is made."""
        self._line("Connected")

    def negotiated(self, protocol: str) -> None:
        """The result of ALPN."""
        self.plain(f"The negotiated protocol: {escape(protocol)}")

    # --- Observer

    def received(self, frame: f.Frame) -> None:
        """A frame from the server."""
        if isinstance(frame, f.Continuation):
            super().received(frame)
            return
        note = ""
        if isinstance(frame, f.Headers) and frame.stream_id not in self._received_on:
            self._received_on.add(frame.stream_id)
            kind = "response" if frame.stream_id % 2 else "push response"
            note = f"First {kind} header"
        self._frame("recv", frame, (), note)
        self._show_continuations()

    def sent(self, frame: f.Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        """A frame to the server."""
        if isinstance(frame, f.Headers) and frame.stream_id not in self._sent_on:
            self._sent_on.add(frame.stream_id)
            note = "Open new stream"
        self._frame("send", frame, fields, note)

    def stream_closed(self, stream_id: int) -> None:
        """Nothing: nghttp does not show it."""

    # --- HeadObserver

    def sent_head(self, section: bytes) -> None:
        """A request's header section."""
        self._section("send", section)

    def received_head(self, section: bytes) -> None:
        """A response's header section."""
        self._section("recv", section)

    def _section(self, verb: str, section: bytes) -> None:
        first, *lines = section[:-4].split(b"\r\n")
        text = escape_octets(first)
        if self._color:
            text = f"{RECEIVED if verb == 'recv' else SENT}{text}{RESET}"
        self._line(f"{verb} {text}")
        for line in lines:
            name, _, value = line.partition(b":")
            self._write(f"{_INDENT}{self._field(name, value.strip())}\n")

    # --- forms

    def _line(self, text: str) -> None:
        self._write(f"{self._time()} {text}\n")
