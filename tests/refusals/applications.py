"""An application with which something is wrong, by the path that is asked for."""

from __future__ import annotations

from h2static.http.bodies import BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response
from h2static.http.pipe import Pipe
from tests.support.applications import PiecesBody, PiecesReader
from tests.support.engines import Failure
from tests.support.small_site import SmallSite, response


class ClosedBody:
    """Cannot be opened."""

    length: int | None = 5

    def open(self) -> BodyReader:
        raise OSError(5, "Input/output error")


class GreedyReader(PiecesReader):
    """Returns more than it was asked for."""

    def __init__(self) -> None:
        super().__init__([])

    def read(self, size: int) -> bytes | None:
        return bytes(size + 1)


class GreedyBody:
    """Is longer than it says."""

    length: int | None = 10

    def open(self) -> BodyReader:
        return GreedyReader()


class TroubledSite(SmallSite):
    """A :class:`~tests.support.small_site.SmallSite` with paths on which it fails or refuses."""

    #: Whether what the engine asks for instead of a response is none either.
    hopeless = False

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        match exchange.request.path:
            case b"/abort":
                exchange.abort("the application has given up")
            case b"/wait":
                pass  # nobody says what is to become of it
            case b"/raise":
                exchange.work(self._raise)
            case b"/refused":
                exchange.respond(Response(status=403, fields=(), refusal="not for you"))
            case b"/worked-out":
                exchange.work(
                    lambda: Response(status=503, fields=(), body=b"x", refusal="too busy")
                )
            case b"/unopened":
                exchange.respond(response(200, ClosedBody()))
            case b"/trailers":
                body = PiecesBody([b"x"], None, ((b"not a name", b"x"),))
                exchange.respond(response(200, body))
            case b"/greedy":
                exchange.respond(response(200, GreedyBody()))
            case b"/tunnel":
                pipe = Pipe(on_room=exchange.resume)
                exchange.tunnel(pipe, pipe)
            case b"/invalid":
                exchange.respond(_invalid(200))
            case _:
                super().handle(exchange)

    def refuse(self, status: int, request: Request | None) -> Response:
        return _invalid(status) if self.hopeless else super().refuse(status, request)

    def _raise(self) -> Response:
        raise Failure("what a job cannot do")


def _invalid(status: int) -> Response:
    fields: Fields = ((b"not a name", b"x"),)
    return Response(status=status, fields=fields)
