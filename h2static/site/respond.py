"""Making the responses for cache keys, even while files change.

Contract: :func:`respond` checks everything again and may be called in any thread; if files change
while it checks them, it starts over a few times.
"""

from __future__ import annotations

from h2static.site.builder import BuiltResponse, ResponseBuilder
from h2static.site.cache_key import CacheKey
from h2static.site.errors import ChangedError, SiteError, WouldBlockError
from h2static.site.setup import Setup


def respond(setup: Setup, cache_key: CacheKey, *, blocking: bool) -> BuiltResponse:
    """The response to a request with this cache key, made from the current files.

    Raises :class:`~h2static.site.errors.WouldBlockError` unless ``blocking``.
    """
    for _ in range(setup.limits.attempts):
        try:
            return ResponseBuilder(setup, cache_key, blocking=blocking).build()
        except ChangedError:
            continue
    return refuse(setup, cache_key, 503, "files keep changing while they are read")


def refuse(
    setup: Setup, cache_key: CacheKey, status: int, refusal: str | None = None
) -> BuiltResponse:
    """The response for ``status``, with its body in memory; does not wait for files.

    ``refusal``: see :attr:`h2static.http.messages.Response.refusal`.
    """
    builder = ResponseBuilder(setup, cache_key, blocking=False)
    builder.dependencies.settled = False
    error = SiteError(status, refusal=refusal)
    try:
        response = builder.error(error)
    except (WouldBlockError, ChangedError):
        response = builder.default_error(error)
    if not isinstance(response.body, bytes):
        response = builder.default_error(error)
    response.refusal = refusal
    return builder.finish(response)
