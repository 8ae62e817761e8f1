"""The remembered path: requests that are known, answered with responses that are ready.

Contract: :meth:`Replay.run` answers as many requests in a row as have nothing special about them,
with the very octets that the plain path sends.  It goes on while the next frame is HEADERS that
begins and ends the next stream, its block is known in this state of the decoder, the application
recalls a prepared response, and the response is ready as one or two frames and fits every bound.
What the application does not recall it handles: a stream is opened for that, as by the plain path,
but nothing that is known of the request is found out again.

Effects that it mirrors; whoever adds one to the plain path adds it here, and to the books that
``tests/support/transports.py`` compares:

    decoder's state ............ HeaderBlocks.move_to
    encoder's state, window,
    output, DATA frames sent ... Sender.replayed
    next and last stream id,
    requests (which pay for
    WINDOW_UPDATE frames) ...... Streams.replayed, Streams.answered
    what the client asked for .. Push.asked
    journal .................... Finished, one for each request

A stream that is answered here never is: it opens and closes between two frames.

:meth:`Replay.one` is the same for a single request on a connection where nothing else is going on,
which is what a client sends that waits for each response.

:meth:`Replay.answer` has the same effects for one request that was decoded just now and whose
response is prepared: what visitors send never repeats, what they get does.

Strategy: one function, although it is long, and everything in locals: a call costs more than the
look-ups that are between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.semantics import RequestHead
from h2static.http.turn import Turn
from h2static.http2 import registry as r
from h2static.http2.decoding import DecoderState
from h2static.http2.encoding import EncoderState
from h2static.http2.frames import unpack_header
from h2static.http2.header_blocks import HeaderBlocks
from h2static.http2.push import Push
from h2static.http2.sender import Sender
from h2static.http2.service import Service
from h2static.http2.settings import PeerSettings
from h2static.http2.streams import Streams

#: Flags of a request whose only frame this is.
WHOLE_REQUEST: Final = r.END_STREAM | r.END_HEADERS
#: Identifiers are compared with their reserved bit: not near the last ones.
_LAST_ID: Final = 2**30
#: Streams that applications handle in one turn: there the plain path counts.
_MOST_HANDLED: Final = 100


def _nobody(stream_id: int, head: RequestHead) -> None:
    """Nobody handles requests yet."""


class Replay:
    """See the module."""

    __slots__ = (
        "_blocks", "_client", "_handle", "_peer", "_push", "_sender", "_service", "_streams",
        "_turn",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        client: Client,
        turn: Turn,
        *,
        peer: PeerSettings,
        streams: Streams,
        sender: Sender,
        blocks: HeaderBlocks,
        push: Push,
    ) -> None:
        self._service = service
        self._client = client
        self._turn = turn
        self._peer = peer
        self._streams = streams
        self._sender = sender
        self._blocks = blocks
        self._push = push
        self._handle: Callable[[int, RequestHead], None] = _nobody

    def hand_to(self, handle: Callable[[int, RequestHead], None]) -> None:
        """``handle`` has the application handle a request that is whole and was admitted."""
        self._handle = handle

    def run(self, data: bytes, position: int) -> int:
        """Answer what is known of ``data`` from ``position`` on; where the plain path goes on."""
        streams, sender, blocks = self._streams, self._sender, self._blocks
        next_id = streams.next_peer_id
        if (
            blocks.open is not None
            or sender.scheduler.count
            or streams.refusing
            or not self._peer.received
            or streams.pending_priorities
            or next_id >= _LAST_ID
        ):
            return position
        service, output, scheduler = self._service, sender.output, sender.scheduler
        end = len(data)
        recalled = service.recalled
        application = service.application
        memory = service.blocks
        journal = service.shared.journal
        seen = self._push.seen
        now = self._turn.now
        decoder, encoder = blocks.state, sender.encoder
        known_blocks, encoded_blocks = decoder.known, encoder.blocks
        first_id = next_id
        ends, pieces, octets = output.ends, output.pieces, output.octets
        room = service.settings.max_concurrent_streams - len(streams.open) - len(ends)
        window, stream_window = sender.window, sender.initial_window
        most = service.limits.turn_output + output.sent
        while True:
            start = position + 9
            if start > end:
                break
            length_type, flags, stream_id = unpack_header(data, position)
            stop = start + (length_type >> 8)
            if stream_id != next_id or flags != WHOLE_REQUEST or length_type & 0xFF != 1:
                break
            known = known_blocks.get(data[start:stop])
            if known is None or stop > end or room <= 0 or octets >= most:
                break
            request = known.request
            response = recalled.get(request)
            if response is None:
                # The same octets have come again.
                request.repeats = True
                response = application.recall(request)
                if response is None:
                    # The application answers it itself, now or later: a stream, as any other.
                    if len(ends) + len(streams.open) >= _MOST_HANDLED:
                        break
                    if next_id != first_id:
                        self._book(first_id, next_id, decoder, encoder, window, octets)
                    if known.state is not None:
                        decoder = known.state
                        known_blocks = decoder.known
                    blocks.move_to(decoder)
                    streams.used(next_id)
                    self._handle(next_id, known.head)
                    position = stop
                    first_id = next_id = next_id + 2
                    if scheduler.count:
                        break
                    room = service.settings.max_concurrent_streams - len(streams.open) - len(ends)
                    window, octets, encoder = sender.window, output.octets, sender.encoder
                    encoded_blocks = encoder.blocks
                    continue
                recalled[request] = response
            block = encoded_blocks.get(response)
            if block is None:
                block = memory.block(encoder, response)
            length = block.ready
            if length < 0 or length > window or length > stream_window:
                break
            identifier = data[position + 5 : start]
            if length:
                if known.is_head:
                    # The application forgets what the plain path knows (RFC 9110 section 9.3.2).
                    break
                pieces += (block.head, identifier, block.tail, identifier, block.body)
                window -= length
            else:
                pieces += (block.head, identifier, block.tail)
            octets += block.size
            ends.append(octets)
            room -= 1
            next_id += 2
            position = stop
            if known.state is not None:
                decoder = known.state
                known_blocks = decoder.known
            if block.state is not None:
                encoder = block.state
                encoded_blocks = encoder.blocks
            if seen is not None:
                seen.add(request.authority, request.path)
            if journal is not None:
                journal.append(
                    Finished(self._client, request, block.response, length, now, now, False, False)
                )
        if next_id != first_id:
            self._book(first_id, next_id, decoder, encoder, window, octets)
        return position

    def _book(
        self,
        first_id: int,
        next_id: int,
        decoder: DecoderState,
        encoder: EncoderState,
        window: int,
        octets: int,
    ) -> None:
        """The requests from ``first_id`` on were answered."""
        count = next_id - first_id >> 1
        if decoder is not self._blocks.state:
            self._blocks.move_to(decoder)
        self._sender.replayed(count, encoder, window, octets)
        self._streams.replayed(next_id, count)

    def one(self, data: bytes) -> bytes | None:
        """The response to ``data`` if that is one known request and nothing else is going on.

        What :meth:`run` does for many, without the output: what is returned is sent at once.
        ``None``, and nothing was done: the request takes any other way.
        """
        streams, sender, blocks = self._streams, self._sender, self._blocks
        next_id = streams.next_peer_id
        if len(data) <= 9:
            return None
        length_type, flags, stream_id = unpack_header(data, 0)
        if (
            stream_id != next_id
            or flags != WHOLE_REQUEST
            or length_type != (len(data) - 9 << 8) + 1
            or blocks.open is not None
            or sender.scheduler.count
            or sender.output.octets
            or streams.refusing
            or not self._peer.received
            or streams.pending_priorities
            or next_id >= _LAST_ID
        ):
            return None
        known = blocks.state.known.get(data[9:])
        if known is None:
            return None
        service, request = self._service, known.request
        if len(streams.open) >= service.settings.max_concurrent_streams:
            return None
        response = service.recalled.get(request)
        if response is None:
            request.repeats = True
            response = service.application.recall(request)
            if response is None:
                return None
            service.recalled[request] = response
        encoder = sender.encoder
        block = encoder.blocks.get(response) or service.blocks.block(encoder, response)
        length, window = block.ready, sender.window
        if length < 0 or length > window or length > sender.initial_window:
            return None
        identifier = data[5:9]
        if length:
            if known.is_head:
                return None
            octets = b"".join((block.head, identifier, block.tail, identifier, block.body))
        else:
            octets = b"".join((block.head, identifier, block.tail))
        if known.state is not None:
            blocks.move_to(known.state)
        sender.replayed(1, block.state or encoder, window - length, 0)
        streams.replayed(next_id + 2, 1)
        if self._push.seen is not None:
            self._push.seen.add(request.authority, request.path)
        journal = service.shared.journal
        if journal is not None:
            now = self._turn.now
            journal.append(
                Finished(self._client, request, block.response, length, now, now, False, False)
            )
        return octets

    def answer(self, stream_id: int, request: Request, response: Response) -> bool:
        """Send a prepared ``response`` to a request that is whole and was admitted.

        False, and nothing was done: the plain path has to.
        """
        body, sender = response.body, self._sender
        if (
            not response.prepared
            or response.hints is not None
            or not isinstance(body, bytes)
            or (body and request.method == b"HEAD")
            or self._streams.pending_priorities
        ):
            return False
        length = sender.send_ready(stream_id, response, sender.initial_window)
        if length < 0:
            return False
        self._streams.answered(stream_id)
        self._push.asked(request)
        journal = self._service.shared.journal
        if journal is not None:
            now = self._turn.now
            journal.append(
                Finished(self._client, request, response, length, now, now, False, False)
            )
        return True
