"""Extracting header blocks from frames, hex dumps, logs and packet captures.

Contract: :func:`read_capture` gives the field sections of each direction of each connection in
sending order, with the settings that their encoder acknowledged in between.  A broken block is
reported in its place; input that cannot be used at all raises
:class:`~hpacktools.stories.UnusableError`.

Strategy: every form is converted to HTTP/2 frames, which :mod:`~hpacktools.capture.connection`
follows; the only exception is plain header blocks in hexadecimal digits.
"""

from .connection import BrokenBlock, Direction, HeaderBlock
from .read import FORMS, read_capture

__all__ = ["FORMS", "BrokenBlock", "Direction", "HeaderBlock", "read_capture"]
