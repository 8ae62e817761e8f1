"""Reading header blocks that are ordinary requests (RFC 9113 sections 4.3 and 8.3.1).

Contract: :meth:`RequestReader.read` is for blocks that begin and end a request on a stream that may
be opened.  It changes nothing of the connection: ``None`` means that the plain path must process
the block, which answers with what is wrong with it.  A block that was read but could not be
answered at once is not decoded again: :meth:`RequestReader.find` returns what was read last.

Strategy: most requests of a client differ only in their paths, so that the rest is not validated
again; see :class:`~h2static.http.semantics.SimilarRequests`.
"""

from __future__ import annotations

from h2static.http.errors import Malformed
from h2static.http.semantics import SimilarRequests, validate_request
from h2static.http2.decoding import DecoderState, Known
from h2static.http2.service import Service
from hpacktools.codec import HPACKError


class RequestReader:
    """Reads the requests of one connection."""

    __slots__ = ("_block", "_known", "_service", "_similar", "_state")

    def __init__(self, service: Service) -> None:
        self._service = service
        self._similar = SimilarRequests()
        # What was read last.
        self._state: DecoderState | None = None
        self._block = b""
        self._known: Known | None = None

    def read(self, state: DecoderState, block: bytes) -> Known | None:
        """The meaning of ``block`` in ``state``; ``None`` if it is not an ordinary request."""
        service = self._service
        sections = service.sections
        try:
            decoded, after = sections.decode(state, block)
        except HPACKError:
            return None
        if decoded.truncated:
            return None
        fields = decoded.fields
        head = self._similar.head(fields, end_stream=True)
        if head is None:
            never_indexed = bool(decoded.never_indexed)
            try:
                head = validate_request(
                    fields,
                    end_stream=True,
                    connect_protocol=service.settings.enable_connect_protocol,
                    checked=None if never_indexed else sections.checked,
                )
            except Malformed:
                return None
            if service.misdirected(head.request) is not None:
                return None
            self._similar.remember(fields, head)
        after = sections.remember(state, block, decoded, head, after)
        known = Known(head, after if after is not state else None)
        self._state, self._block, self._known = state, block, known
        return known

    def find(self, state: DecoderState, block: bytes) -> Known | None:
        """The meaning of ``block`` in ``state`` if that is known, or was read just now."""
        known = state.known.get(block)
        if known is not None:
            known.request.repeats = True
            return known
        if state is not self._state or block != self._block:
            return None
        self._state = None
        return self._known
