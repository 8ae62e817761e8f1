"""Names of instructions and representations, as RFC 9204 spells them."""

from __future__ import annotations

from typing import Final

from hpacktools.qpack.instructions import (
    DecoderInstruction,
    Duplicate,
    EncoderInstruction,
    InsertCountIncrement,
    InsertWithLiteralName,
    InsertWithNameReference,
    SectionAcknowledgment,
    SetCapacity,
    StreamCancellation,
)
from hpacktools.qpack.representations import (
    Indexed,
    IndexedPostBase,
    LiteralWithLiteralName,
    LiteralWithNameReference,
    LiteralWithPostBaseNameReference,
    Representation,
)

#: Class -> its name in the RFC.
KINDS: Final[dict[type[EncoderInstruction | DecoderInstruction | Representation], str]] = {
    SetCapacity: "Set Dynamic Table Capacity",
    InsertWithNameReference: "Insert with Name Reference",
    InsertWithLiteralName: "Insert with Literal Name",
    Duplicate: "Duplicate",
    SectionAcknowledgment: "Section Acknowledgment",
    StreamCancellation: "Stream Cancellation",
    InsertCountIncrement: "Insert Count Increment",
    Indexed: "Indexed Field Line",
    IndexedPostBase: "Indexed Field Line with Post-Base Index",
    LiteralWithNameReference: "Literal Field Line with Name Reference",
    LiteralWithPostBaseNameReference: "Literal Field Line with Post-Base Name Reference",
    LiteralWithLiteralName: "Literal Field Line with Literal Name",
}
