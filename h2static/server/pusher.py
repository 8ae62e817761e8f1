"""What a response's hints come to: the site's push rules, for the HTTP/2 layer.

Contract: :class:`SitePusher` is what :class:`h2static.http2.push.Pusher` asks for.  The decision is
made in :mod:`h2static.site.hints.delivery`; here it becomes requests, answers and fields.
"""

from __future__ import annotations

from h2static.config import Config
from h2static.http.messages import Application, Field, Hints, Request, Response
from h2static.http2.push import Memory, Plan, Promised
from h2static.site.config import HintSource
from h2static.site.hints.cookie import read_digest
from h2static.site.hints.delivery import (
    Client,
    PushHints,
    PushMemory,
    PushMode,
    decide,
    digest_field,
    promises,
)


def make_pusher(config: Config, application: Application) -> SitePusher | None:
    """What delivers hints, if the configuration asks for any."""
    site = config.site
    if site.push_mode is PushMode.OFF:
        return None
    if not (site.push or site.push_rules or site.hints is HintSource.AUTO):
        return None
    return SitePusher(application, site.push_mode, cookie=site.push_cookie)


class SitePusher:
    """Delivers the push rules of a site."""

    def __init__(self, application: Application, mode: PushMode, *, cookie: bool) -> None:
        """``cookie``: let clients remember what they were pushed (``--push-cookie``)."""
        self._application = application
        self._mode = mode
        self._cookie = cookie

    def remember(self) -> PushMemory:
        """A memory for a new connection."""
        return PushMemory()

    def asked(self, memory: Memory, request: Request) -> None:
        """What the client asks for itself need not be pushed later."""
        assert isinstance(memory, PushMemory)
        memory.add(request.authority, request.path)

    def link_fields(self, request: Request, response: Response) -> tuple[Field, ...]:
        """What ``response`` gets on HTTP/1.1, where hints are a Link field and nothing else."""
        assert isinstance(response.hints, PushHints)
        delivery = decide(
            response.hints,
            request=request,
            status=response.status,
            client=Client(http2=False),
            memory=PushMemory(),
            mode=self._mode,
        )
        return ((b"link", delivery.link),) if delivery.link else ()

    def plan(
        self,
        hints: Hints,
        *,
        request: Request,
        status: int,
        memory: Memory,
        urgency: int,
        push_enabled: bool,
        free_streams: int,
    ) -> Plan:
        """See :class:`h2static.http2.push.Pusher`."""
        assert isinstance(hints, PushHints)
        assert isinstance(memory, PushMemory)
        client = Client(http2=True, push_enabled=push_enabled, free_streams=free_streams)
        delivery = decide(
            hints, request=request, status=status, client=client, memory=memory, mode=self._mode
        )
        digest = read_digest(request.field(b"cookie")) if self._cookie else None
        made = list(
            promises(
                delivery.promises,
                parent=request,
                parent_urgency=urgency,
                application=self._application,
                memory=memory,
                digest=digest,
            )
        )
        fields: tuple[Field, ...] = ((b"link", delivery.link),) if delivery.link else ()
        if self._cookie:
            cookie = digest_field(request, made, secure=request.scheme == b"https")
            if cookie is not None:
                fields = (*fields, cookie)
        return Plan(
            promises=[Promised(one.request, one.answer, one.urgency) for one in made],
            early=((b"link", delivery.early),) if delivery.early else (),
            fields=fields,
        )
