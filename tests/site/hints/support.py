"""What tests of hints share."""

from __future__ import annotations

from h2static.http.messages import Request, Response


def not_looked_at(request: Request) -> Response:
    """A site that no promise is made of."""
    raise AssertionError(request)
