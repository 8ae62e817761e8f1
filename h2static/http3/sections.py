"""Encoding and decoding field sections (RFC 9114 section 4.2, RFC 9204).

Contract: the dynamic tables have no capacity, so octets mean the same everywhere.
:class:`SectionMemory` maps the octets of a request to the same
:class:`~h2static.http.semantics.RequestHead` object as before, on any connection; sections with
secrets are never in it.  :class:`ResponseMemory` caches the octets of a prepared response for the
second of its ``date``.  The caches never change an octet on the wire.

Strategy: a section is cached on second sight, so that sections that never recur evict nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from h2static.http.dates import DateField
from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.http.semantics import CheckedFields, RequestHead
from h2static.http3.errors import ConnectionViolation
from h2static.http3.frames import frame_head
from h2static.http3.limits import Limits
from h2static.http3.registry import DATA, HEADERS, ErrorCode
from hpacktools.codec import Representation
from hpacktools.qpack import (
    DecodedSection,
    Decoder,
    DecoderLimits,
    Encoder,
    QPACKConnectionError,
)

#: Larger sections are not cached: long values differ from client to client.
LARGEST_SECTION: Final = 4_096
#: Octets of cached sections, and the overhead of one.
SECTION_OCTETS: Final = 4 * 1024 * 1024
_SECTION_OVERHEAD: Final = 2_048
#: Hashes of sections seen once.
_SIGHTED: Final = 16_384
#: Octets of responses cached for one second, and the overhead of one.
RESPONSE_OCTETS: Final = 16 * 1024 * 1024
_RESPONSE_OVERHEAD: Final = 256
#: Larger bodies are not appended to their heads, because the transport copies them again.
_JOINED: Final = 16_384
#: Fields whose values are secrets (RFC 9204 section 7.1.3).
_SECRET: Final = frozenset((b"set-cookie", b"proxy-authenticate", b"www-authenticate"))


class QpackStreams:
    """The instruction streams of a connection's client, on which hardly anything is allowed."""

    __slots__ = ("_decoder", "_encoder")

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._encoder: Encoder | None = None

    def receive_encoder_stream(self, data: bytes) -> None:
        """Octets of the client's encoder stream.  Raises
        :class:`~h2static.http3.errors.ConnectionViolation`."""
        if self._decoder is None:
            self._decoder = Decoder()
        try:
            self._decoder.feed_encoder_stream(data)
        except QPACKConnectionError as error:
            raise _violation(error) from error

    def receive_decoder_stream(self, data: bytes) -> None:
        """Octets of the client's decoder stream.  Raises
        :class:`~h2static.http3.errors.ConnectionViolation`."""
        if self._encoder is None:
            self._encoder = Encoder()
        try:
            self._encoder.feed_decoder_stream(data)
        except QPACKConnectionError as error:
            raise _violation(error) from error


def _violation(error: QPACKConnectionError) -> ConnectionViolation:
    return ConnectionViolation(ErrorCode(error.code), f"{error.reason} ({error.section})")


def decode_section(octets: bytes, limits: Limits) -> DecodedSection:
    """Decode a field section.  Raises :class:`~h2static.http3.errors.ConnectionViolation`."""
    # The frame's limit bounds the octets, so the decoder's own limit is never reached.
    decoder = Decoder(
        limits=DecoderLimits(list_size=limits.soft_list_size, section=limits.header_block_size)
    )
    try:
        (outcome,) = decoder.feed_section(0, octets)
    except QPACKConnectionError as error:
        raise _violation(error) from error
    if not isinstance(outcome, DecodedSection):
        raise ConnectionViolation(ErrorCode.H3_EXCESSIVE_LOAD, outcome.reason)
    return outcome


def encode_section(fields: Fields) -> bytes:
    """Encode ``fields`` as a field section that uses only the static table."""
    return Encoder(limit=0).encode(
        0,
        [
            (
                name,
                value,
                Representation.NEVER_INDEXED
                if name in _SECRET
                else Representation.WITHOUT_INDEXING,
            )
            for name, value in fields
        ],
    )


class SectionMemory:
    """The cache of request field sections, for all connections of a worker."""

    __slots__ = ("_limit", "_octets", "_sighted", "checked", "known")

    def __init__(self, *, octets: int = SECTION_OCTETS) -> None:
        """``octets``: maximum size of the cache; 0 turns it off."""
        self._limit = octets
        self._octets = 0
        self._sighted: set[int] = set()
        #: Octets of a request without content -> its head.
        self.known: dict[bytes, RequestHead] = {}
        #: Fields found to be valid.
        self.checked = CheckedFields()

    def remember(self, section: bytes, head: RequestHead) -> None:
        """Offer the ``head`` of ``section``, which has no secrets; cached on second sight."""
        if len(section) > LARGEST_SECTION or not self._limit:
            return
        sight = hash(section)
        if sight not in self._sighted:
            if len(self._sighted) >= _SIGHTED:
                self._sighted.clear()
            self._sighted.add(sight)
            return
        head.request.repeats = True
        self.known[section] = head
        self._octets += 2 * len(section) + _SECTION_OVERHEAD
        while self._octets > self._limit:
            oldest = next(iter(self.known))
            del self.known[oldest]
            self._octets -= 2 * len(oldest) + _SECTION_OVERHEAD


class Ready(NamedTuple):
    """A prepared response, ready to be sent."""

    #: Its HEADERS, and its content if that is short.
    octets: bytes
    #: Octets of content among them; -1 if the content must be sent separately.
    length: int


class ResponseMemory:
    """The cache of the octets of prepared responses."""

    __slots__ = ("_date", "_limit", "_octets", "_ready", "_second")

    def __init__(self, date: DateField, *, octets: int = RESPONSE_OCTETS) -> None:
        """``octets``: maximum size of the cache; 0 turns it off."""
        self._date = date
        self._limit = octets
        self._octets = 0
        self._ready: dict[Response, Ready] = {}
        self._second = -1

    def fields(self, response: Response, extra: Fields = ()) -> Fields:
        """The complete field section of a final response."""
        # RFC 9110 section 6.6.1: an origin server without a clock sends none.
        date: Fields = ((b"date", self._date.value),) if self._date.value else ()
        status = (b":status", b"%d" % response.status)
        return (status, *response.fields[:1], *date, *response.fields[1:], *extra)

    def ready(self, response: Response) -> Ready:
        """``response`` as octets; cached if it is prepared and its content is octets."""
        if self._date.second != self._second:
            self.release()
            self._second = self._date.second
        found = self._ready.get(response)
        if found is not None:
            return found
        section = encode_section(self.fields(response))
        octets = frame_head(HEADERS, len(section)) + section
        body = response.body
        length = -1
        if isinstance(body, bytes) and len(body) <= _JOINED:
            length = len(body)
            if length:
                octets += frame_head(DATA, length) + body
        ready = Ready(octets, length)
        cost = len(octets) + _RESPONSE_OVERHEAD
        if response.prepared and self._octets + cost <= self._limit:
            self._octets += cost
            self._ready[response] = ready
        return ready

    def release(self) -> None:
        """Drop the cached responses, because their bodies hold memory and files."""
        self._ready.clear()
        self._octets = 0
