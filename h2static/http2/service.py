"""What the connections of a worker share, and who watches them.

Contract: a :class:`Service` stands for one kind of listener (same settings, same schemes).  Its
owner calls :meth:`Service.new_batch` after it has read what is there and before it has connections
process it; an answer is asked for once a batch, so it is never older than the request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeAlias

from h2static.http.messages import Answer, Application, Field, Request, Response
from h2static.http2 import registry as r
from h2static.http2.decoding import FieldSectionMemory
from h2static.http2.encoding import HeaderBlockMemory
from h2static.http2.errors import StreamViolation
from h2static.http2.frames import Frame
from h2static.http2.limits import Limits
from h2static.http2.push import Pusher
from hpacktools.codec import DecodeLimits


@dataclass(slots=True, kw_only=True, frozen=True)
class ServerSettings:
    """How this server speaks HTTP/2; the options of the command line that concern it."""

    #: Our SETTINGS_HEADER_TABLE_SIZE in octets; ``None``: not sent.
    header_table_size: int | None = None
    #: The encoder's table is the smaller of this and what the peer allows.
    encoder_header_table_size: int = r.INITIAL_HEADER_TABLE_SIZE
    max_concurrent_streams: int = 100
    #: Our SETTINGS_INITIAL_WINDOW_SIZE in octets; ``None``: not sent; 0: opened by WINDOW_UPDATE
    #: for each request that is accepted.
    initial_window_size: int | None = None
    connection_window_size: int = r.INITIAL_WINDOW_SIZE
    #: Octets of padding added to each HEADERS, DATA and PUSH_PROMISE frame, Pad Length included.
    padding: int = 0
    #: Answer when the field section is there instead of at the end of the request.
    early_response: bool = False
    #: Trailer fields of every response that may have content, also where it has none.
    trailers: tuple[Field, ...] = ()
    no_content_length: bool = False
    #: Schemes that a request may name (RFC 9113 section 8.3.1).
    schemes: frozenset[bytes] = frozenset((b"http",))


class Observer(Protocol):
    """Somebody who looks at every frame (``-v``); its presence switches the memories off."""

    def received(self, frame: Frame) -> None:
        """A frame has arrived and was parsed."""

    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None:
        """A header block was decoded; called before :meth:`received` of its HEADERS frame."""

    def sent(self, frame: Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        """A frame has entered the output; ``note`` says what HEADERS are."""

    def stream_closed(self, stream_id: int) -> None:
        """Both sides have ended the stream, or it was reset."""

    def violation(self, reason: str, code: int, stream_id: int) -> None:
        """The peer broke a rule; ``stream_id`` is 0 for a connection error."""


#: Is told each stream error, for the error log: RST_STREAM has no room for a reason.  Unlike an
#: :class:`Observer` it changes nothing else.
Report: TypeAlias = Callable[[StreamViolation], None]


class Answered(NamedTuple):
    """One line for an access log."""

    request: Request
    response: Response
    #: Octets of content that entered the output.
    octets: int
    #: Seconds, monotonic: request complete enough to be answered, response finished.
    started: float
    finished: float
    pushed: bool
    #: Whether the stream ended before the response did.
    aborted: bool
    #: How the response's hints were delivered: ``3 pushes``, ``103``, ``link``; empty: not at all.
    delivered: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Service:
    """Shared by connections; see the module."""

    application: Application
    settings: ServerSettings
    limits: Limits
    sections: FieldSectionMemory
    blocks: HeaderBlockMemory
    #: The batch's answers.
    answers: dict[Request, Answer] = field(default_factory=dict)
    #: What comes of hints; ``None``: they are ignored.
    pusher: Pusher | None = None
    #: Where finished requests are noted, if anybody wants them.
    journal: list[Answered] | None = None

    def new_batch(self, wall_clock: float) -> None:
        """What is processed from here on was read before now (seconds since the epoch)."""
        if self.answers:
            self.answers.clear()
        self.blocks.tick(wall_clock)


def make_service(
    application: Application,
    settings: ServerSettings,
    limits: Limits,
    *,
    memories: bool = True,
    beside: Service | None = None,
) -> Service:
    """A service with memories of its own; ``memories=False`` is for tests and for ``-v``.

    ``beside``: a service of the same settings but for the schemes, whose batches, answers and
    encoding of responses it shares.
    """
    decode_limits = DecodeLimits(
        soft_fields=limits.soft_fields,
        hard_fields=limits.hard_fields,
        soft_list_size=limits.soft_list_size,
        hard_list_size=limits.hard_list_size,
    )
    sections = FieldSectionMemory(decode_limits, enabled=memories)
    if beside is not None:
        return replace(beside, settings=settings, sections=sections)
    return Service(
        application=application,
        settings=settings,
        limits=limits,
        sections=sections,
        blocks=HeaderBlockMemory(
            no_content_length=settings.no_content_length,
            trailer=b", ".join([name for name, _ in settings.trailers]),
            plain=bool(settings.trailers or settings.padding),
            maximum=settings.encoder_header_table_size,
            enabled=memories,
        ),
    )
