"""Field sections, from octets and to octets (RFC 9114 section 4.2, RFC 9204).

Contract: the dynamic tables have no capacity, so that octets mean the same everywhere.
:class:`SectionMemory` gives for the octets of a request the very
:class:`~h2static.http.semantics.RequestHead` that they gave before, on whichever connection;
sections with secrets are never in it.  :class:`ResponseMemory` gives the octets of a prepared
response again while the second of its ``date`` lasts.  Nothing here changes an octet on the wire.

Strategy: a section is kept on second sight, so that those which never come again drive nothing out.
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

#: Larger sections are not kept: long values differ from client to client.
LARGEST_SECTION: Final = 4_096
#: Octets of sections that are kept, and what one costs beside its octets.
SECTION_OCTETS: Final = 4 * 1024 * 1024
_SECTION_OVERHEAD: Final = 2_048
#: Hashes of sections that were seen once.
_SIGHTED: Final = 16_384
#: Octets of responses that are kept for one second, and what one costs beside them.
RESPONSE_OCTETS: Final = 16 * 1024 * 1024
_RESPONSE_OVERHEAD: Final = 256
#: Larger bodies are not copied behind their heads: the transport copies them once more.
_JOINED: Final = 16_384
#: Fields whose values are somebody's secret: RFC 9204 section 7.1.3.
_SECRET: Final = frozenset((b"set-cookie", b"proxy-authenticate", b"www-authenticate"))


class QpackStreams:
    """The instruction streams of one connection's client, on which hardly anything is allowed."""

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
    """A whole field section.  Raises :class:`~h2static.http3.errors.ConnectionViolation`."""
    # The frame's limit is for the octets, so that the decoder's own is never reached.
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
    """``fields`` as a field section that needs no table but the static one."""
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
    """What sections of requests mean, for all connections of a worker; see the module."""

    __slots__ = ("_limit", "_octets", "_sighted", "checked", "known")

    def __init__(self, *, octets: int = SECTION_OCTETS) -> None:
        """``octets`` bounds what is kept; 0: nothing."""
        self._limit = octets
        self._octets = 0
        self._sighted: set[int] = set()
        #: Octets of a request without content -> what they mean.
        self.known: dict[bytes, RequestHead] = {}
        #: Fields that were found valid.
        self.checked = CheckedFields()

    def remember(self, section: bytes, head: RequestHead) -> None:
        """Offer what ``section`` means, which has no secrets; kept on second sight."""
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

    #: Its HEADERS, and all of it where its content is short.
    octets: bytes
    #: Octets of content among them; -1: the content is still to be sent.
    length: int


class ResponseMemory:
    """The octets of prepared responses; see the module."""

    __slots__ = ("_date", "_limit", "_octets", "_ready", "_second")

    def __init__(self, date: DateField, *, octets: int = RESPONSE_OCTETS) -> None:
        """``octets`` bounds what is kept; 0: nothing."""
        self._date = date
        self._limit = octets
        self._octets = 0
        self._ready: dict[Response, Ready] = {}
        self._second = -1

    def fields(self, response: Response, extra: Fields = ()) -> Fields:
        """The whole field section of a final response."""
        # RFC 9110 section 6.6.1: an origin server without a clock sends none.
        date: Fields = ((b"date", self._date.value),) if self._date.value else ()
        status = (b":status", b"%d" % response.status)
        return (status, *response.fields[:1], *date, *response.fields[1:], *extra)

    def ready(self, response: Response) -> Ready:
        """``response`` as octets; remembered where it is prepared and its content is octets."""
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
        """Forget the responses: their bodies hold memory and files."""
        self._ready.clear()
        self._octets = 0
