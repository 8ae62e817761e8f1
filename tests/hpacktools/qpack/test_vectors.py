"""What must be refused and what is unusual, by section of RFC 9204: ours, and ls-qpack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pylsqpack
import pytest

from hpacktools.codec import Field

from .vectors import Ours, load, paths, refusal

MALFORMED = paths("malformed")
UNUSUAL = paths("unusual")

#: What ls-qpack (pylsqpack 1.0.0) does otherwise, and why.
LARGE = "it takes the entry for one that is evicted at once"
THEIRS = {
    "3.2.2_by_name_reference": ("", LARGE),
    "3.2.2_empty_entry": ("", LARGE),
    "3.2.2_huffman": ("", LARGE),
    "3.2.2_lowered": ("", LARGE),
    "3.2.2_no_capacity": ("", LARGE),
    "3.2.2_one_too_large": ("", LARGE),
    "4.5.1.2_no_count": ("", "it does not look at the Sign bit where the count is 0"),
    "4.5_empty_section": ("QPACK_DECOMPRESSION_FAILED", "it wants a field line"),
    "4.5.6_empty_name": ("QPACK_DECOMPRESSION_FAILED", "it wants a name"),
    "2.1.2_blocked_two": ("ValueError", "pylsqpack holds one section for each stream"),
}
NAMES = {
    pylsqpack.DecompressionFailed: "QPACK_DECOMPRESSION_FAILED",
    pylsqpack.EncoderStreamError: "QPACK_ENCODER_STREAM_ERROR",
    pylsqpack.DecoderStreamError: "QPACK_DECODER_STREAM_ERROR",
    ValueError: "ValueError",
}


def name_of(path: Path) -> str:
    return path.stem


def headers_of(event: Any) -> tuple[Field, ...]:
    return tuple(
        (name.encode(), value.encode())
        for header in event["headers"]
        for name, value in header.items()
    )


@pytest.mark.parametrize("size", [1, 10000], ids=["octets", "whole"])
@pytest.mark.parametrize("path", MALFORMED, ids=name_of)
def test_malformed(path: Path, size: int) -> None:
    vector = load(path)
    expected = vector["expect"]
    error = refusal(vector, size)
    assert error is not None
    assert (error.code.name, error.section, error.offset) == (
        expected["error"],
        expected["section"],
        expected["offset"],
    )


@pytest.mark.parametrize("size", [1, 10000], ids=["octets", "whole"])
@pytest.mark.parametrize("path", UNUSUAL, ids=name_of)
def test_unusual(path: Path, size: int) -> None:
    vector = load(path)
    ours = Ours(vector["settings"], size)
    for event in vector["events"]:
        ours.event(event)
    expected = {
        (event["stream"], headers_of(event)) for event in vector["events"] if "headers" in event
    }
    assert {(section.stream_id, section.fields) for section in ours.sections} == expected
    assert len(ours.sections) == len(expected)


@pytest.mark.parametrize("path", [*MALFORMED, *UNUSUAL], ids=name_of)
def test_form(path: Path) -> None:
    """Every vector says where its demand stands, and in which words."""
    vector = load(path)
    expected = vector["expect"]
    assert set(vector) == {"description", "settings", "events", "expect"}
    assert set(vector["settings"]) == {"max_table_capacity", "blocked_streams"}
    section = (
        expected["section"].replace("RFC 9204 section ", "").replace("RFC 7541 section ", "7541-")
    )
    assert path.stem.startswith(f"{section}_")
    if expected["result"] == "refuse":
        assert expected["level"] in ("must", "may", "limits")
        assert ("MAY" if expected["level"] == "may" else "MUST") in expected["sentence"] or (
            section == "4.5"
        )


def theirs(vector: Any) -> str:
    """What ls-qpack does with a vector: the name of its error, or nothing."""
    settings = vector["settings"]
    decoder = pylsqpack.Decoder(settings["max_table_capacity"], settings["blocked_streams"])
    encoder = pylsqpack.Encoder()
    encoder.apply_settings(settings["max_table_capacity"], settings["blocked_streams"])
    try:
        for event in vector["events"]:
            if "encoder_stream" in event:
                for stream_id in decoder.feed_encoder(bytes.fromhex(event["encoder_stream"])):
                    decoder.resume_header(stream_id)
            elif "decoder_stream" in event:
                encoder.feed_decoder(bytes.fromhex(event["decoder_stream"]))
            else:
                octets = bytes.fromhex(event["field_section"])
                try:
                    decoder.feed_header(event["stream"], octets)
                except pylsqpack.StreamBlocked:
                    continue
    except tuple(NAMES) as error:
        return NAMES[type(error)]
    return ""


@pytest.mark.parametrize("path", [*MALFORMED, *UNUSUAL], ids=name_of)
def test_theirs(path: Path) -> None:
    """ls-qpack judges as the vectors say, but for what is listed."""
    vector = load(path)
    expected = vector["expect"].get("error", "")
    assert theirs(vector) == THEIRS.get(path.stem, (expected, ""))[0]
