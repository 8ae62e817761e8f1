"""The fast path: known requests, answered with responses that are ready.

Contract: :meth:`Replay.run` answers consecutive requests as long as nothing about them is special,
with exactly the octets that the plain path sends.  It continues while the next frame is a HEADERS
frame that begins and ends the next stream, its block is known in the decoder's current state or an
ordinary request, the application recalls a prepared response, and the response is ready as one or
two frames and within every limit.  If the application recalls no response, it handles the request:
on a new stream, as on the plain path, but reusing everything that is already known about the
request.

Effects that it mirrors; if you add one to the plain path, add it here too, and to the state that
``tests/support/transports.py`` compares:

    decoder's state ............ HeaderBlocks.move_to
    encoder's state, window,
    output, DATA frames sent ... Sender.replayed
    next and last stream ID,
    requests (the budget for
    WINDOW_UPDATE frames) ...... Streams.replayed, Streams.answered
    what the client requested .. Push.asked
    journal .................... Finished, one for each request

A request that is answered here never gets a stream object: its stream opens and closes between two
frames.

:meth:`Replay.one` does the same for a single request on an otherwise idle connection: the pattern
of a client that waits for each response.

:meth:`Replay.answer` has the same effects for one request that was just decoded and whose response
is prepared: visitors' requests never repeat, but their responses do.

Strategy: one long function that keeps everything in local variables, because a call costs more than
the lookups between calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.semantics import RequestHead
from h2static.http.turn import Turn
from h2static.http2 import registry as r
from h2static.http2.decoding import DecoderState, Known
from h2static.http2.encoding import EncoderState
from h2static.http2.frames import unpack_header
from h2static.http2.header_blocks import HeaderBlocks
from h2static.http2.push import Push
from h2static.http2.request_reader import RequestReader
from h2static.http2.sender import Sender
from h2static.http2.service import Service
from h2static.http2.settings import PeerSettings
from h2static.http2.streams import Streams

_WHOLE: Final = r.END_STREAM | r.END_HEADERS
#: Flags of a request whose only frame this is; browsers add the deprecated priority fields.
WHOLE_REQUEST: Final = (_WHOLE, _WHOLE | r.PRIORITY_FLAG)
#: Octets of the priority fields (RFC 9113 section 6.2).
_PRIORITY_SIZE: Final = 5
#: A header block to decode is one unit of a turn's work, and one more for each ``2**BLOCK_SHIFT``
#: octets, because one octet may be a whole field.
BLOCK_SHIFT: Final = 4
#: From this stream identifier on, the plain path takes over: this one compares identifiers without
#: masking the reserved bit.
_LAST_ID: Final = 2**30
#: Streams that applications handle in one turn; beyond that, the plain path counts its work.
_MOST_HANDLED: Final = 100


def _has_priority(data: bytes, start: int, stop: int, stream_id: int) -> bool:
    """Whether a frame begins with priority fields that do not matter (RFC 9113 section 5.3.2)."""
    dependency = int.from_bytes(data[start : start + 4], "big") & r.MAXIMUM_STREAM_ID
    return stop - start >= _PRIORITY_SIZE and dependency != stream_id


def _nobody(stream_id: int, head: RequestHead) -> None:
    """The default until :meth:`Replay.hand_to` is called: does nothing."""


class Replay:
    """Answers the known requests of one server connection."""

    __slots__ = (
        "_blocks", "_client", "_handle", "_peer", "_push", "_reader", "_sender", "_service",
        "_streams", "_turn",
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
        # Without caches everything takes the plain path.
        self._reader = RequestReader(service) if service.sections.enabled else None
        self._handle: Callable[[int, RequestHead], None] = _nobody

    def hand_to(self, handle: Callable[[int, RequestHead], None]) -> None:
        """Set ``handle``, which passes a complete, admitted request to the application."""
        self._handle = handle

    def find(self, state: DecoderState, block: bytes) -> Known | None:
        """What ``block`` means in ``state``, as far as that is known without decoding it."""
        return None if self._reader is None else self._reader.find(state, block)

    def retire(self) -> None:
        """The connection is over: drop the callback."""
        self._handle = _nobody

    def run(self, data: bytes, position: int) -> int:
        """Answer the known and the ordinary requests in ``data`` from ``position`` on.

        Returns the position at which the plain path continues.
        """
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
        turn, reader, max_frame_size = self._turn, self._reader, service.limits.max_frame_size
        now = turn.now
        decoder, encoder = blocks.state, sender.encoder
        known_blocks, encoded_blocks = decoder.known, encoder.blocks
        first_id = next_id
        ends, pieces, octets = output.ends, output.pieces, output.octets
        room = service.settings.max_concurrent_streams - len(streams.open) - len(ends)
        window, stream_window = sender.window, sender.initial_window
        most = service.limits.turn_output + output.sent
        while True:
            # Of a request that is read until it is answered: the plain path counts its own.
            work = 0
            start = position + 9
            if start > end:
                break
            length_type, flags, stream_id = unpack_header(data, position)
            stop = start + (length_type >> 8)
            if stream_id != next_id or length_type & 0xFF != 1:
                break
            if flags == _WHOLE:
                header_block = data[start:stop]
            elif flags in WHOLE_REQUEST and _has_priority(data, start, stop, next_id):
                header_block = data[start + _PRIORITY_SIZE : stop]
            else:
                break
            if stop > end or room <= 0 or octets >= most:
                break
            known = known_blocks.get(header_block)
            if known is None:
                if reader is None or turn.work <= 0 or stop - start > max_frame_size:
                    break
                known = reader.read(decoder, header_block)
                if known is None:
                    break
                work = 1 + (stop - start >> BLOCK_SHIFT)
                turn.work -= work
            request = known.request
            response = recalled.get(request)
            if response is None:
                if not work:
                    # The same octets have arrived again.
                    request.repeats = True
                response = application.recall(request)
                if response is None:
                    # The application answers it, now or later, on a stream like any other.
                    if len(ends) + len(streams.open) >= _MOST_HANDLED:
                        break
                    work = 0
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
                if not work:
                    recalled[request] = response
            block = encoded_blocks.get(response)
            if block is None:
                block = memory.block(encoder, response)
            length = block.ready
            if length < 0 or length > window or length > stream_window:
                recalled[request] = response
                break
            identifier = data[position + 5 : start]
            if length:
                if known.is_head:
                    # The application gave content to HEAD; the plain path omits it (RFC 9110
                    # section 9.3.2).
                    recalled[request] = response
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
        turn.work += work
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
        """Record that the requests from ``first_id`` on, before ``next_id``, were answered."""
        count = next_id - first_id >> 1
        if decoder is not self._blocks.state:
            self._blocks.move_to(decoder)
        self._sender.replayed(count, encoder, window, octets)
        self._streams.replayed(next_id, count)

    def one(self, data: bytes) -> bytes | None:
        """The response to ``data`` if that is one known request on an otherwise idle connection.

        Like :meth:`run`, but bypasses the output: the caller sends the returned octets at once.
        ``None``: nothing was done; process ``data`` in the usual way.
        """
        streams, sender, blocks = self._streams, self._sender, self._blocks
        next_id = streams.next_peer_id
        if len(data) <= 9:
            return None
        length_type, flags, stream_id = unpack_header(data, 0)
        if (
            stream_id != next_id
            or flags != _WHOLE
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
        """Send a prepared ``response`` to a complete, admitted request.

        Returns false if nothing was done; the plain path must send the response then.
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
