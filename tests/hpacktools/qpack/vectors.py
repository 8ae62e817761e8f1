"""The vectors in hpack-test-case/qpack, and how an implementation is put through one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hpacktools.qpack import DecodedSection, Decoder, Encoder, QPACKError, SectionLimitError
from tests.support.stories import VECTORS

from .strategies import pieces

FOLDER = VECTORS / "qpack"


def paths(folder: str) -> list[Path]:
    found = sorted((FOLDER / folder).glob("*.json"))
    assert found
    return found


def load(path: Path) -> Any:
    return json.loads(path.read_text())


class Ours:
    """Our decoder and encoder, fed in pieces."""

    def __init__(self, settings: dict[str, int], size: int) -> None:
        self.size = size
        capacity, blocked = settings["max_table_capacity"], settings["blocked_streams"]
        self.decoder = Decoder(max_table_capacity=capacity, blocked_streams=blocked)
        self.encoder = Encoder()
        self.encoder.apply_settings(max_table_capacity=capacity, blocked_streams=blocked)
        self.sections: list[DecodedSection] = []

    def event(self, event: dict[str, Any]) -> None:
        """Feed one event; raises what is wrong with it."""
        outcomes = []
        if "encoder_stream" in event:
            for piece in pieces(bytes.fromhex(event["encoder_stream"]), self.size):
                outcomes += self.decoder.feed_encoder_stream(piece)
        elif "decoder_stream" in event:
            for piece in pieces(bytes.fromhex(event["decoder_stream"]), self.size):
                self.encoder.feed_decoder_stream(piece)
        else:
            parts = pieces(bytes.fromhex(event["field_section"]), self.size)
            for number, piece in enumerate(parts, 1):
                last = number == len(parts)
                outcomes += self.decoder.feed_section(event["stream"], piece, last=last)
        for outcome in outcomes:
            if isinstance(outcome, SectionLimitError):
                raise outcome
            self.sections.append(outcome)


def refusal(vector: Any, size: int) -> QPACKError | None:
    """What our implementation says of the last event; those before must be accepted."""
    ours = Ours(vector["settings"], size)
    for event in vector["events"][:-1]:
        ours.event(event)
    try:
        ours.event(vector["events"][-1])
    except QPACKError as error:
        return error
    return None
