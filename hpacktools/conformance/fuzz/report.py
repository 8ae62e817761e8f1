"""The results of a search as text, as JSON and as stories in the corpus format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from hpacktools.codec import Decoder
from hpacktools.explanation import Explanation, explain, explanation_to_json
from hpacktools.explanation_text import Renderer
from hpacktools.jsonforms import fields_to_json, table_to_json
from hpacktools.shapes import JSON, Object
from hpacktools.stories import LEVELS
from hpacktools.terminal import printable

from .blocks import Connection, read
from .search import Found, Group


def counts(group: Group, level: str) -> bool:
    """Whether a group of this level makes the search fail."""
    return LEVELS.index(group.difference.level) <= LEVELS.index(level)


def render(found: Found, *, level: str, seconds: float, colour: bool = False) -> str:
    """The groups with their smallest cases, and a verdict."""
    lines: list[str] = []
    for number, group in enumerate(found.groups, 1):
        lines += _group(number, group, found, level=level, colour=colour)
    for (decoder, reason), times in found.skipped.items():
        lines.append(printable(f"skipped by {decoder}, {times} connections: {reason}"))
    failed = sum(counts(group, level) for group in found.groups)
    total = len(found.groups)
    lines.append(
        f"seed {found.seed}: {found.blocks} blocks of {found.connections} connections, "
        f"{found.refused} refused by hpacktools; {total} kind{'' if total == 1 else 's'} of "
        f"difference, {failed} counted (level {level}); {seconds:.1f} s: "
        f"{'FAILED' if failed else 'passed'}"
    )
    return "\n".join(lines) + "\n"


def _group(number: int, group: Group, found: Found, *, level: str, colour: bool) -> Iterator[str]:
    difference = group.difference
    aside = "" if counts(group, level) else ", not counted"
    yield f"{number}. {title(group)} [{difference.level}{aside}], {group.count} connections"
    if group.alone and len(group.decoders) == len(found.decoders):
        yield "   all other decoders disagree with hpacktools, so hpacktools may be wrong"
    yield printable(f"   {difference.detail}")
    renderer = Renderer(colour=colour)
    for position, (block, explanation) in enumerate(_explained(group.connection)):
        for size in block_sizes(group.connection, position):
            yield f"   SETTINGS_HEADER_TABLE_SIZE {size}, acknowledged"
        shown = renderer.render(f"block {position}: {block.hex()},", explanation)
        for line in shown.rstrip("\n").split("\n"):
            yield f"   {line}"
    yield ""


def title(group: Group) -> str:
    """One sentence: the decoders and what they do."""
    names = " and ".join(group.decoders)
    what = group.difference.verdict.value
    if group.alone:
        what = {"accepts": "accept", "refuses": "refuse", "crashes": "crash"}.get(what, what)
    reason = f": {group.difference.reason}" if group.difference.reason else ""
    return printable(f"{names} {what}{reason}")


def block_sizes(connection: Connection, position: int) -> tuple[int, ...]:
    """The values of SETTINGS_HEADER_TABLE_SIZE that take effect before a block."""
    return connection[position].sizes


def _explained(connection: Connection) -> Iterator[tuple[bytes, Explanation]]:
    decoder = Decoder()
    for block in connection:
        for size in block.sizes:
            decoder.change_allowed(size)
        explanation = explain(
            block.octets, decoder.table, allowed=decoder.allowed, required=decoder.required
        )
        yield block.octets, explanation
        if explanation.error is not None:
            return
        decoder.decode(block.octets)


def to_json(found: Found, *, level: str, seconds: float) -> Object:
    """The groups as JSON; ``story`` is the smallest case in the corpus format."""
    return {
        "seed": found.seed,
        "decoders": list[JSON](found.decoders),
        "blocks": found.blocks,
        "connections": found.connections,
        "refused": found.refused,
        "seconds": round(seconds, 3),
        "level": level,
        "passed": not any(counts(group, level) for group in found.groups),
        "differences": [_group_to_json(group) for group in found.groups],
        "skipped": [
            {"decoder": decoder, "reason": reason, "connections": times}
            for (decoder, reason), times in found.skipped.items()
        ],
    }


def _group_to_json(group: Group) -> JSON:
    difference = group.difference
    return {
        "decoders": list[JSON](group.decoders),
        "verdict": difference.verdict.value,
        "reason": difference.reason,
        "level": difference.level,
        "connections": group.count,
        "block": difference.block,
        "detail": difference.detail,
        "story": story(group),
        "explanations": [
            explanation_to_json(explanation) for _, explanation in _explained(group.connection)
        ],
    }


def story(group: Group) -> Object:
    """The smallest case as a story that expects the behavior of hpacktools."""
    ours = read(group.connection)
    decoder = Decoder()
    cases: list[JSON] = []
    for number, block in enumerate(group.connection):
        case: Object = {"seqno": number}
        for size in block.sizes:
            decoder.change_allowed(size)
        if len(block.sizes) > 1:
            case["header_table_sizes"] = list[JSON](block.sizes)
        if block.sizes:
            case["header_table_size"] = block.sizes[-1]
        case["wire"] = block.octets.hex()
        if number < len(ours.accepted):
            decoded = decoder.decode(block.octets)
            headers, octets = fields_to_json(decoded.fields)
            case["headers"] = headers
            if octets:
                case["octets"] = octets
            if decoded.never_indexed:
                case["sensitive"] = list[JSON](decoded.never_indexed)
            case["expect"] = {"result": "accept", "header_table": table_to_json(decoded.table)}
            cases.append(case)
            continue
        assert ours.error is not None
        case["expect"] = {
            "result": "refuse",
            "error": "COMPRESSION_ERROR",
            "section": ours.error.section,
            "offset": ours.error.offset,
        }
        cases.append(case)
        break
    return {
        "description": f"Found by fuzzing: {title(group)}",
        "level": group.difference.level,
        "cases": cases,
    }


def write_stories(found: Found, folder: Path) -> list[Path]:
    """Write the smallest cases below ``folder`` as stories for ``hpack-conformance negative``.

    Returns the files.  Raises ``OSError``.
    """
    written = []
    for number, group in enumerate(found.groups, 1):
        document = story(group)
        refused = read(group.connection).error is not None
        place = folder / ("malformed" if refused else "unusual")
        place.mkdir(parents=True, exist_ok=True)
        words = re.sub(r"[^a-z]+", "_", group.difference.key[0] + " " + group.difference.reason)
        path = place / f"f{number:02}_{words.strip('_')[:60].strip('_')}.json"
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
