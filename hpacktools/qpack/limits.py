"""Limits on what a peer can make a decoder hold, besides the table and the blocked streams.

SETTINGS_QPACK_MAX_TABLE_CAPACITY and SETTINGS_QPACK_BLOCKED_STREAMS are arguments of the decoder,
because they are announced to the peer.  The limits here are not announced.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class DecoderLimits:
    """Limits of one decoder, in octets (RFC 9204 section 7.4)."""

    #: Largest field section that is kept, as RFC 9114 section 4.2.2 counts it (name, value and 32
    #: for each field line).  Lines beyond it are checked but discarded: the section is
    #: ``truncated`` and can be answered (431) while stream and connection survive.  16 KiB is far
    #: more than browsers and servers send.
    list_size: int = 16384
    #: Longest field section on the wire, which a blocked or unfinished stream can make the decoder
    #: hold.  Beyond it the stream is lost.  A section within ``list_size`` cannot be longer: a
    #: Huffman code has at most 30 bits per octet.
    section: int = 65536
    #: Longest string in an encoder instruction, on the wire.  ``None``: as long as an entry of the
    #: largest allowed table can need, at 30 bits per octet.  A peer can make the decoder hold twice
    #: that, for name and value, before an instruction is complete.
    encoder_string: int | None = None

    def longest_encoder_string(self, max_table_capacity: int) -> int:
        """``encoder_string`` if set, otherwise what ``max_table_capacity`` needs, in octets."""
        if self.encoder_string is not None:
            return self.encoder_string
        return max_table_capacity * 30 // 8 + 1
