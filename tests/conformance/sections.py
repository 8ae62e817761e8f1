"""Every case of the RFCs' sections, for whoever plays them in another way."""

from __future__ import annotations

from typing import Final

from tests.conformance import (
    test_rfc9113_4_3_header_blocks,
    test_rfc9113_4_frames,
    test_rfc9113_5_streams,
    test_rfc9113_6_1_data,
    test_rfc9113_6_frames,
    test_rfc9113_8_messages,
    test_rfc9218_priorities,
)
from tests.conformance.cases import Case

#: In the order of the sections.
BY_SECTION: Final[tuple[Case, ...]] = tuple(
    case
    for module in (
        test_rfc9113_4_3_header_blocks,
        test_rfc9113_4_frames,
        test_rfc9113_5_streams,
        test_rfc9113_6_1_data,
        test_rfc9113_6_frames,
        test_rfc9113_8_messages,
        test_rfc9218_priorities,
    )
    for case in module.CASES
)
