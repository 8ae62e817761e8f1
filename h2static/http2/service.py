"""What connections share: how an endpoint speaks HTTP/2, and what it serves.

Contract: an :class:`Endpoint` is what connections of either role share: settings, limits, caches.
A :class:`Service` is a server's endpoint: an application as one entrance offers it.  Its owner
calls :meth:`Service.new_batch` after reading the available input and before connections process it;
a prepared response is recalled once per batch, so that it is never older than the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from h2static.http.authority import Authorities
from h2static.http.exchange import Application
from h2static.http.lifecycle import Lifecycle, lifecycle_of
from h2static.http.messages import Request, Response
from h2static.http.serving import fitting, misdirected
from h2static.http.shared import Shared
from h2static.http2.decoding import FieldSectionMemory
from h2static.http2.encoding import HeaderBlockMemory
from h2static.http2.limits import Limits
from h2static.http2.settings import LocalSettings
from hpacktools.codec import DecodedBlock, DecodeLimits


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """What connections of one kind share."""

    settings: LocalSettings
    limits: Limits
    shared: Shared
    #: The cache of decoded header blocks.
    sections: FieldSectionMemory
    #: The cache of encoded header blocks.
    blocks: HeaderBlockMemory
    #: Whether files may be mapped to send them: the kernel gets the output's octets unchanged.
    maps: bool = False
    #: The octets of our preface, once they have been sent; all connections have the same role.
    preface: bytes = field(default=b"", init=False)

    def keep_preface(self, octets: bytes) -> None:
        """Set :attr:`preface`."""
        self.preface = octets


@dataclass(slots=True, kw_only=True)
class Service(Endpoint):
    """An application as one entrance offers it."""

    application: Application
    #: Schemes that a request may name (RFC 9113 section 8.3.1).
    schemes: frozenset[bytes]
    #: Whether responses may have hints: then connections remember what clients have requested.
    hints: bool = False
    #: The origins announced to clients (RFC 8336), one tuple per ORIGIN frame.
    origins: Sequence[tuple[bytes, ...]] = ()
    #: The authorities of requests that were found to be well-formed.
    authorities: Authorities = field(default_factory=Authorities)
    #: The responses recalled in this batch, and those of earlier batches that are still right.
    recalled: dict[Request, Response] = field(default_factory=dict)

    #: The application's lifecycle.
    lifecycle: Lifecycle = field(init=False)

    def __post_init__(self) -> None:
        self.lifecycle = lifecycle_of(self.application)

    def new_batch(self) -> None:
        """Begin a batch: its requests were read before this call.

        The application's own :meth:`~h2static.http.lifecycle.Lifecycle.new_batch` comes first.
        """
        recalled = self.recalled
        if recalled and (
            not self.lifecycle.lasting or len(recalled) > self.limits.recalled_responses
        ):
            recalled.clear()

    def recall_promised(self, request: Request) -> Response | None:
        """The prepared response to a promised ``request``, recalled once per batch if the request
        repeats; ``None``: the application has to handle it."""
        response = self.recalled.get(request)
        if response is None:
            response = self.application.recall(request)
            if response is not None:
                response = fitting(request, response)
                if request.repeats:
                    self.recalled[request] = response
        return response

    def misdirected(self, request: Request) -> tuple[int, str] | None:
        """Status and reason if a well-formed request is not for this server."""
        return misdirected(request, self.schemes, self.authorities)

    def release(self) -> None:
        """Forget recalled responses, so that files which no stream is sending are closed."""
        self.recalled.clear()
        self.blocks.release()


def unread(decoded: DecodedBlock) -> Request:
    """Stand-in for a request that gets 431; all that matters is HEAD: no content then."""
    method = next((value for name, value in decoded.fields if name == b":method"), b"GET")
    return Request(method=method, scheme=b"", authority=b"", path=b"/", fields=())


def make_sections(limits: Limits, *, memories: bool = True) -> FieldSectionMemory:
    """A cache of header blocks decoded within ``limits``."""
    decode_limits = DecodeLimits(
        soft_fields=limits.soft_fields,
        hard_fields=limits.hard_fields,
        soft_list_size=limits.soft_list_size,
        hard_list_size=limits.hard_list_size,
    )
    return FieldSectionMemory(decode_limits, enabled=memories)


def make_blocks(
    settings: LocalSettings, shared: Shared, *, memories: bool = True
) -> HeaderBlockMemory:
    """A cache of encoded header blocks, for one or several services with equal settings."""
    return HeaderBlockMemory(
        shared.date,
        plain=settings.padding > 0,
        maximum=settings.encoder_header_table_size,
        enabled=memories,
    )


def make_service(
    application: Application,
    settings: LocalSettings,
    limits: Limits,
    shared: Shared,
    *,
    schemes: frozenset[bytes] = frozenset((b"http",)),
    sections: FieldSectionMemory | None = None,
    blocks: HeaderBlockMemory | None = None,
    hints: bool = False,
    origins: Sequence[tuple[bytes, ...]] = (),
    memories: bool = True,
    maps: bool = False,
) -> Service:
    """Make a service.

    ``sections``, ``blocks``: caches shared with another service of the same settings and limits;
    sharing ``sections`` also requires the same schemes.  ``maps``: whether files may be mapped, see
    :class:`Endpoint`.  ``memories=False`` disables the caches, for tests and for ``-v``.
    """
    return Service(
        application=application,
        settings=settings,
        limits=limits,
        shared=shared,
        sections=sections or make_sections(limits, memories=memories),
        blocks=blocks or make_blocks(settings, shared, memories=memories),
        schemes=schemes,
        hints=hints,
        origins=origins,
        maps=maps,
    )
