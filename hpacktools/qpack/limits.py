"""What a decoder lets a peer make it hold, beyond the table and the blocked streams.

SETTINGS_QPACK_MAX_TABLE_CAPACITY and SETTINGS_QPACK_BLOCKED_STREAMS are arguments of the decoder,
because the peer is told of them.  These here it is not told of.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class DecoderLimits:
    """Limits of one decoder, in octets (RFC 9204 section 7.4)."""

    #: Largest field section that is kept, as RFC 9114 section 4.2.2 counts it (name, value and 32
    #: for each field line).  Beyond it lines are checked but not kept: the section is ``truncated``
    #: and can be answered (431) while stream and connection live on.  16 KiB is more than browsers
    #: and servers send by far.
    list_size: int = 16384
    #: Longest field section on the wire: what a blocked or unfinished stream can make the decoder
    #: hold.  The stream is lost beyond it.  A section within ``list_size`` cannot be longer than
    #: this: a Huffman code has up to 30 bits for an octet.
    section: int = 65536
    #: Longest string in an encoder instruction, on the wire.  ``None``: as long as an entry of the
    #: largest table allowed can need, 30 bits for each octet.  A peer can make the decoder hold
    #: twice that, name and value, before an instruction is complete.
    encoder_string: int | None = None

    def longest_encoder_string(self, max_table_capacity: int) -> int:
        """``encoder_string``, or what ``max_table_capacity`` needs."""
        if self.encoder_string is not None:
            return self.encoder_string
        return max_table_capacity * 30 // 8 + 1
