"""Explained files of records: they agree with the decoder, and see what an encoder must not do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.jsonforms import pretty
from hpacktools.qpack import DecodedSection, Decoder, Encoder, QPACKConnectionError, QPACKError
from hpacktools.qpack.tools.explanation_json import record_to_json
from hpacktools.qpack.tools.explanation_text import Renderer
from hpacktools.qpack.tools.interop import Parameters, Record
from hpacktools.qpack.tools.session import (
    TOOL_LIMITS,
    BlockedStep,
    InstructionStep,
    RecordSteps,
    SectionStep,
    Session,
)

from .strategies import Line, blocked, capacities, sections
from .vectors import load, paths

VECTORS = [
    path
    for path in [*paths("malformed"), *paths("unusual")]
    if all("decoder_stream" not in event for event in load(path)["events"])
]


def parameters(capacity: int = 220, blocked_streams: int = 0, ack: bool = True) -> Parameters:
    return Parameters(capacity=capacity, blocked_streams=blocked_streams, acknowledges=ack)


def records(*texts: tuple[int, str]) -> list[Record]:
    return [Record(stream_id=stream_id, payload=bytes.fromhex(text)) for stream_id, text in texts]


def feed(session: Session, many: list[Record]) -> Iterator[RecordSteps]:
    """Feed records up to an error that ends the connection; everything can be rendered."""
    renderer = Renderer(colour=False)
    for record in many:
        steps = session.feed(record)
        text = renderer.render(steps)
        assert text.startswith(f"record {steps.number}: ")
        assert text.replace("\n", "").isprintable()
        assert json.loads(pretty(record_to_json(steps)))["record"] == steps.number
        yield steps
        if any(isinstance(error, QPACKConnectionError) for error in steps.errors):
            break


def agrees(setting: Parameters, many: list[Record]) -> None:
    """A session and a bare decoder say the same of every record."""
    session = Session(setting)
    decoder = Decoder(
        max_table_capacity=setting.capacity,
        blocked_streams=setting.blocked_streams,
        limits=TOOL_LIMITS,
    )
    for record, steps in zip(many, feed(session, many), strict=False):
        try:
            if record.stream_id:
                outcomes = decoder.feed_section(record.stream_id, record.payload)
            else:
                outcomes = decoder.feed_encoder_stream(record.payload)
        except QPACKError as error:
            assert str(steps.errors[-1]) == str(error)  # noqa: PT017  # there need not be one
            break
        assert steps.decoded == [one for one in outcomes if isinstance(one, DecodedSection)]
        lost = [str(one) for one in outcomes if isinstance(one, QPACKError)]
        assert [str(error) for error in steps.errors] == lost
        assert list(session.decoder.table) == list(decoder.table)
        assert session.decoder.blocked == decoder.blocked
        check_steps(steps)


def check_steps(steps: RecordSteps) -> None:
    """The lines of decoded sections are the fields, and their octets all octets."""
    complete = [
        step for step in steps.steps if isinstance(step, SectionStep) and step.error is None
    ]
    for step, section in zip(complete, steps.decoded, strict=True):
        assert step.prefix is not None
        assert step.stream_id == section.stream_id
        assert tuple(line.field for line in step.lines) == section.fields
        octets = step.octets[: step.prefix.octets] + b"".join(line.octets for line in step.lines)
        assert octets == step.octets


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_agrees_about_the_vectors(path: Path) -> None:
    vector = load(path)
    many = [
        Record(
            stream_id=event.get("stream", 0),
            payload=bytes.fromhex(event.get("encoder_stream") or event.get("field_section") or ""),
        )
        for event in vector["events"]
    ]
    setting = vector["settings"]
    agrees(parameters(setting["max_table_capacity"], setting["blocked_streams"]), many)


@given(
    capacities,
    blocked,
    st.booleans(),
    st.booleans(),
    st.lists(sections, max_size=12),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), max_size=2),
)
def test_agrees_about_what_an_encoder_writes(
    capacity: int,
    blocked_streams: int,
    ack: bool,
    first: bool,
    many: list[list[Line]],
    changes: list[tuple[int, int]],
) -> None:
    """Also with some octets changed."""
    setting = parameters(capacity, blocked_streams, ack)
    encoder = Encoder()
    encoder.apply_settings(max_table_capacity=capacity, blocked_streams=blocked_streams)
    written: list[Record] = []
    session = Session(setting)
    for number, lines in enumerate(many, 1):
        section = Record(stream_id=number, payload=encoder.encode(number, lines))
        instructions = Record(stream_id=0, payload=encoder.take_encoder_stream())
        pair = [section, instructions] if first else [instructions, section]
        for steps in feed(session, pair):
            assert (steps.errors, steps.violations) == ([], [])
        written += pair
        encoder.feed_decoder_stream(bytes(session.answers))
        session.answers.clear()
    agrees(setting, written)
    octets = [bytearray(record.payload) for record in written]
    for number, (position, octet) in enumerate(changes):
        if octets and position < len(octets[-1 - number % len(octets)]):
            octets[-1 - number % len(octets)][position] = octet
    changed = [
        Record(stream_id=record.stream_id, payload=bytes(payload))
        for record, payload in zip(written, octets, strict=True)
    ]
    agrees(setting, changed)


def test_an_instruction_in_two_records() -> None:
    session = Session(parameters())
    first, second = feed(session, records((0, "3fbd01 4161"), (0, "0162")))
    assert (first.unfinished, second.unfinished) == (2, 0)
    (step,) = second.steps[:1]
    assert isinstance(step, InstructionStep)
    assert (step.offset, step.octets.hex(), step.inserted) == (3, "41610162", (0, (b"a", b"b")))


def test_blocked_and_unblocked() -> None:
    session = Session(parameters(blocked_streams=1))
    first, second = feed(session, records((4, "0200 80"), (0, "3fbd01 41610162")))
    (waiting,) = first.steps
    assert isinstance(waiting, BlockedStep)
    assert (waiting.required_insert_count, waiting.insert_count) == (1, 0)
    section = second.steps[2]
    assert isinstance(section, SectionStep)
    assert section.was_blocked
    assert "stream 4 is unblocked" in Renderer(colour=True).render(second)


def test_a_section_that_fails_when_it_is_unblocked() -> None:
    session = Session(parameters(capacity=68, blocked_streams=1))
    many = records((0, "3f25 41610162 41630164"), (4, "0400 82"), (0, "41610162"))
    *_, last = feed(session, many)
    instruction, section = last.steps
    assert isinstance(instruction, InstructionStep)
    assert isinstance(section, SectionStep)
    assert section.error is last.errors[0]
    assert section.was_blocked


class TestViolations:
    """What a decoder on a network cannot see."""

    def violations(self, setting: Parameters, *texts: tuple[int, str]) -> list[list[str]]:
        return [steps.violations for steps in feed(Session(setting), records(*texts))]

    def test_eviction_of_what_is_not_acknowledged(self) -> None:
        """Section 2.1.1."""
        texts = [(0, "3f03 41610162"), (4, "0000 d1"), (0, "41610162")]
        entry = "entry 0 is evicted before its insertion is acknowledged"
        expected = [f"{entry} (RFC 9204 section 2.1.1)"]
        assert self.violations(parameters(34, ack=True), *texts) == [[], [], []]
        assert self.violations(parameters(34, ack=False), *texts) == [[], [], expected]
        assert self.violations(parameters(34, ack=True), texts[0], texts[2]) == [[], expected]

    def test_too_many_streams_that_could_block(self) -> None:
        """Section 2.1.2."""
        texts = [(0, "3fbd01 41610162"), (4, "0200 80"), (4, "0200 80"), (8, "0200 80")]
        expected = ["2 streams could become blocked, the limit is 1 (RFC 9204 section 2.1.2)"]
        assert self.violations(parameters(220, 1, ack=False), *texts) == [[], [], [], expected]
        assert self.violations(parameters(220, 1, ack=True), *texts) == [[], [], [], []]
