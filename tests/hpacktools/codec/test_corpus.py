"""The whole http2jp corpus through the codec."""

from __future__ import annotations

import pytest

from hpacktools.codec import Decoder
from tests.support.stories import fields_of, load, require_corpus, settings_before

#: Encoded stories and header blocks at the pinned commit 8a1406e.
STORIES = 446
BLOCKS = 47_142


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_block_decodes_to_the_given_headers() -> None:
    stories = blocks = 0
    for path in sorted(require_corpus().glob("*/story_*.json")):
        if path.parent.name == "raw-data":
            continue
        decoder = Decoder()
        for case in load(path)["cases"]:
            for size in settings_before(case):
                decoder.change_allowed(size)
            decoded = decoder.decode(bytes.fromhex(case["wire"]))
            assert decoded.fields == fields_of(case), (path, case["seqno"])
            blocks += 1
        stories += 1
    assert (stories, blocks) == (STORIES, BLOCKS)
