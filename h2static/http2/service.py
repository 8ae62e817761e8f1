"""What connections have in common: how an end speaks HTTP/2, and what it serves.

Contract: an :class:`Endpoint` is what connections of either role share: settings, limits, memories.
A :class:`Service` is a server's: an application as one entrance offers it.  Whoever owns it calls
:meth:`Service.new_batch` after reading what is there and before connections process it; a prepared
response is recalled once a batch, so that it is never older than the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from h2static.http.authority import Authorities
from h2static.http.exchange import Application
from h2static.http.lifecycle import Lifecycle, lifecycle_of
from h2static.http.messages import Request, Response
from h2static.http.serving import misdirected
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
    #: What header blocks of peers mean.
    sections: FieldSectionMemory
    #: Header blocks of ours.
    blocks: HeaderBlockMemory
    #: Whether content may be mapped: what is sent goes to the kernel as it is.
    maps: bool = False


@dataclass(slots=True, kw_only=True)
class Service(Endpoint):
    """An application as one entrance offers it."""

    application: Application
    #: Schemes that a request may name (RFC 9113 section 8.3.1).
    schemes: frozenset[bytes]
    #: Whether responses may have hints: then connections remember what clients have asked for.
    hints: bool = False
    #: What clients are told that connections are good for (RFC 8336), in frames of this many.
    origins: Sequence[tuple[bytes, ...]] = ()
    #: Who clients have asked for.
    authorities: Authorities = field(default_factory=Authorities)
    #: The responses that were recalled in this batch, and those of before that last.
    recalled: dict[Request, Response] = field(default_factory=dict)

    #: The application's.
    lifecycle: Lifecycle = field(init=False)

    def __post_init__(self) -> None:
        self.lifecycle = lifecycle_of(self.application)

    def new_batch(self) -> None:
        """What is processed from here on was read before now; the application was told."""
        recalled = self.recalled
        if recalled and (
            not self.lifecycle.lasting or len(recalled) > self.limits.recalled_responses
        ):
            recalled.clear()

    def misdirected(self, request: Request) -> tuple[int, str] | None:
        """Status and reason where a well-formed request is for somebody else."""
        return misdirected(request, self.schemes, self.authorities)

    def release(self) -> None:
        """Forget responses that nobody is being answered with, so that their files are closed."""
        self.recalled.clear()
        self.blocks.release()


def unread(decoded: DecodedBlock) -> Request:
    """What a 431 answers: only whether it is for HEAD, and so without content, matters."""
    method = next((value for name, value in decoded.fields if name == b":method"), b"GET")
    return Request(method=method, scheme=b"", authority=b"", path=b"/", fields=())


def make_sections(limits: Limits, *, memories: bool = True) -> FieldSectionMemory:
    """A memory of what header blocks mean within ``limits``."""
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
    """A memory of header blocks, for one or several services of equal settings."""
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
    """A service.

    ``sections``, ``blocks``: those of another service of the same settings and limits, to share
    them; ``sections`` of the same schemes, too.  ``maps``: whether content may be mapped, see
    :class:`Endpoint`.  ``memories=False`` is for tests and for ``-v``.
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
