"""Header blocks out of what people have at hand: frames, hex dumps, logs, packet captures.

Contract: :func:`read_capture` gives the field sections of each direction of each connection in the
order in which they were sent, with the settings that their encoder has acknowledged in between.
What is wrong with one block is told in its place; input of which nothing can be used raises
:class:`~hpacktools.stories.UnusableError`.

Strategy: every form becomes HTTP/2 frames that :mod:`~hpacktools.capture.connection` follows; only
plain header blocks in hexadecimal digits do not.
"""

from .connection import BrokenBlock, Direction, HeaderBlock
from .read import FORMS, read_capture

__all__ = ["FORMS", "BrokenBlock", "Direction", "HeaderBlock", "read_capture"]
