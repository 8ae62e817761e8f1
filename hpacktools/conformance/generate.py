"""Writing stories in the corpus format, like the implementations in the corpus."""

from __future__ import annotations

import json
from pathlib import Path

from hpacktools.deflate import story_deflater
from hpacktools.shapes import JSON, Object
from hpacktools.stories import Story, load_story

#: The setting before the first case, stated explicitly as in the corpus (octets).
_FIRST_SIZE = 4096


def encode_story(story: Story, *, strategy: str, huffman: bool, effort: int) -> Object:
    """The encoded story: ``seqno``, ``header_table_size``, ``wire``, ``headers``.

    Raises ``ValueError`` if a case has no headers.
    """
    if any(case.fields is None for case in story.cases):
        raise ValueError(f"{story.name}: a case has no headers")
    deflater = story_deflater(story.cases, strategy=strategy, huffman=huffman, effort=effort)
    cases: list[JSON] = []
    for position, case in enumerate(story.cases):
        assert case.fields is not None
        sizes = case.table_sizes or ((_FIRST_SIZE,) if position == 0 else ())
        for size in sizes:
            deflater.change_table_size(size)
        block = deflater.deflate(case.fields, case.sensitive)
        document: Object = {"seqno": position}
        if len(sizes) > 1:
            document["header_table_sizes"] = list(sizes)
        if sizes:
            document["header_table_size"] = sizes[-1]
        document["wire"] = block.hex()
        document["headers"] = case.document["headers"]
        if "octets" in case.document:
            document["octets"] = case.document["octets"]
        if deflater.never_indexed:
            positions: list[JSON] = list(deflater.never_indexed)
            document["sensitive"] = positions
        cases.append(document)
    plain = "" if huffman else ", plain strings"
    result: Object = {
        "description": story.description or f"Encoded by hpacktools, strategy {strategy}{plain}.",
    }
    if story.context:
        result["context"] = story.context
    result["cases"] = cases
    return result


def write_stories(
    sources: list[Path], folder: Path, *, strategy: str, huffman: bool, effort: int
) -> int:
    """Encode the raw stories ``sources`` into ``folder`` under their names; returns their number.

    Raises ``OSError``, and ``ValueError`` for a source that is not a raw story.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        story = load_story(source)
        document = encode_story(story, strategy=strategy, huffman=huffman, effort=effort)
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        (folder / source.name).write_text(text, encoding="utf-8")
    return len(sources)
