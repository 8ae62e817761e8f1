"""QPACK (RFC 9204): the field compression of HTTP/3, without I/O.

:class:`Encoder` and :class:`Decoder` follow one direction of one connection each.  Below them are
the instructions of the encoder stream and the decoder stream
(:mod:`~hpacktools.qpack.instructions`) and the representations of field sections
(:mod:`~hpacktools.qpack.representations`), each as it is on the wire.  The commands
``qpack-encode`` and ``qpack-decode`` are in :mod:`hpacktools.qpack.tools`.
"""

from .decoder import Decoder, Outcome
from .encoder import Encoder
from .errors import (
    DecoderStreamError,
    DecompressionFailed,
    EncoderStreamError,
    ErrorCode,
    QPACKConnectionError,
    QPACKError,
    SectionLimitError,
)
from .limits import DecoderLimits
from .sections import DecodedSection
from .static_table import STATIC_TABLE
from .table import DynamicTable

__all__ = [
    "STATIC_TABLE",
    "DecodedSection",
    "Decoder",
    "DecoderLimits",
    "DecoderStreamError",
    "DecompressionFailed",
    "DynamicTable",
    "Encoder",
    "EncoderStreamError",
    "ErrorCode",
    "Outcome",
    "QPACKConnectionError",
    "QPACKError",
    "SectionLimitError",
]
