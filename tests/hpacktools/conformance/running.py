"""Running hpack-conformance in this process, and codecs for it made of a few lines."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from hpacktools.cli import conformance_main
from hpacktools.schemas import problems
from tests.hpacktools.cli.running import Result, run


def conformance(*arguments: str | Path) -> Result:
    return run(conformance_main, *map(str, arguments), "--jobs", "1")


def report(*arguments: str | Path) -> Any:
    result = conformance(*arguments, "--json")
    document = json.loads(result.out)
    assert problems("report", document) == []
    return document


def command(tmp_path: Path, body: str) -> str:
    """A command made of Python code that sees the parsed input as ``cases``."""
    path = tmp_path / "codec.py"
    path.write_text(
        "import json, sys\ncases = json.load(sys.stdin)['cases']\n"
        "from hpacktools import Inflater, Deflater\n" + body
    )
    return shlex.join([sys.executable, str(path)])


GOOD_DECODER = """
inflater = Inflater()
out = []
for case in cases:
    assert set(case) <= {'seqno', 'header_table_size', 'wire'}
    if 'header_table_size' in case:
        inflater.change_table_size(case['header_table_size'])
    fields = inflater.inflate(bytes.fromhex(case['wire']))
    out.append({'headers': [{n.decode(): v.decode()} for n, v in fields]})
print(json.dumps({'cases': out}))
"""
