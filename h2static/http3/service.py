"""Shared by a server's connections: an application as one entrance offers it.

Contract: the owner of a :class:`Service` calls :meth:`Service.new_batch` after reading and before
connections process what was read.  A prepared response is recalled once per batch, so it is never
older than the request.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from h2static.http.authority import Authorities
from h2static.http.exchange import Application
from h2static.http.messages import Request, Response
from h2static.http.serving import misdirected
from h2static.http.shared import Shared
from h2static.http3 import registry as r
from h2static.http3.limits import Limits
from h2static.http3.sections import RESPONSE_OCTETS, SECTION_OCTETS, ResponseMemory, SectionMemory


@dataclass(slots=True, kw_only=True)
class Service:
    """An application as one entrance offers it; created by :func:`make_service`."""

    application: Application
    limits: Limits
    shared: Shared
    #: Whether clients may ask for other protocols (RFC 9220).
    connect_protocol: bool
    #: Whether responses may have hints; if so, connections remember what clients have requested.
    hints: bool
    #: Schemes that a request may have (RFC 9114 section 4.3.1).
    schemes: frozenset[bytes]
    sections: SectionMemory
    responses: ResponseMemory
    #: The cache of valid authorities.
    authorities: Authorities = field(default_factory=Authorities)
    #: The responses recalled in this batch.
    recalled: dict[Request, Response] = field(default_factory=dict)

    @property
    def settings(self) -> tuple[tuple[int, int], ...]:
        """Our settings.  RFC 9204 section 5: capacity and blocked streams are 0 by default."""
        entries = [(r.MAX_FIELD_SECTION_SIZE, self.limits.soft_list_size)]
        if self.connect_protocol:
            entries.append((r.ENABLE_CONNECT_PROTOCOL, 1))
        return tuple(entries)

    def new_batch(self) -> None:
        """Begin a batch: everything processed from now on has already been read."""
        if self.recalled:
            self.recalled.clear()

    def misdirected(self, request: Request) -> tuple[int, str] | None:
        """Status and reason if a well-formed request is for another server; ``None`` otherwise."""
        return misdirected(request, self.schemes, self.authorities)

    def recall(self, request: Request) -> Response | None:
        """The application's prepared response to ``request``, recalled once per batch."""
        response = self.recalled.get(request)
        return self.application.recall(request) if response is None else response

    def release(self) -> None:
        """Drop responses that are not being sent, so that their files are closed."""
        self.new_batch()
        self.responses.release()


def make_service(
    application: Application,
    limits: Limits,
    shared: Shared,
    *,
    schemes: frozenset[bytes] = frozenset((b"https",)),
    connect_protocol: bool = False,
    hints: bool = False,
    memories: bool = True,
) -> Service:
    """Create a service; ``memories=False`` turns the caches off, for tests and for ``-v``."""
    return Service(
        application=application,
        limits=limits,
        shared=shared,
        connect_protocol=connect_protocol,
        hints=hints,
        schemes=schemes,
        sections=SectionMemory(octets=SECTION_OCTETS if memories else 0),
        responses=ResponseMemory(shared.date, octets=RESPONSE_OCTETS if memories else 0),
    )
