"""``h2static push-rules FOLDER``: writes the rules that pages imply, as a starting point.

Contract: :func:`rules_of_folder` returns JSON for :mod:`h2static.site.hints.rule_files`: one
rule for each page with targets, sorted by path.  Blocking; symbolic links and hidden names
are skipped; at most ``SiteLimits.exported_pages`` pages.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

from h2static.site.hints.html import targets_in
from h2static.site.hints.targets import FetchPriority, PushTarget, Relation, make_target
from h2static.site.limits import DEFAULTS, SiteLimits

_PAGE_SUFFIXES = (".html", ".htm")


def rules_of_folder(
    root: str | Path, index: str = "index.html", limits: SiteLimits = DEFAULTS
) -> str:
    """JSON text with the push rules for the pages below ``root``.

    Raises ``OSError`` if ``root`` is not a readable folder, ``ValueError`` if it has too
    many pages.
    """
    rules = []
    for number, file in enumerate(_pages(os.fsencode(root))):
        if number >= limits.exported_pages:
            raise ValueError(f"more than {limits.exported_pages} pages")
        name = os.path.relpath(file, os.fsencode(root))
        path = "/" + quote_from_bytes(name)
        if os.path.basename(name) == os.fsencode(index):
            path = path.removesuffix(quote_from_bytes(os.fsencode(index)))
        with open(file, "rb") as stream:
            targets = targets_in(stream.read(limits.html), path, limits)
        if targets:
            rule = {"path": path, "when": {"navigation": True}}
            rules.append({**rule, "targets": [_written(target) for target in targets]})
    rules.sort(key=lambda rule: str(rule["path"]))
    return json.dumps({"rules": rules}, indent=2) + "\n"


def _pages(root: bytes) -> Iterator[bytes]:
    def fail(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(root, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith(b"."))
        for name in sorted(files):
            file = os.path.join(folder, name)
            is_page = os.fsdecode(name).lower().endswith(_PAGE_SUFFIXES)
            if is_page and not name.startswith(b".") and _is_plain_file(file):
                yield file


def _is_plain_file(path: bytes) -> bool:
    """Whether ``path`` is a regular file: opening a FIFO would wait for a writer."""
    return stat.S_ISREG(os.lstat(path).st_mode)


def _written(target: PushTarget) -> str | dict[str, str]:
    """A target in the form of a rule, without values that would be filled in anyway."""
    plain = make_target(target.url)
    written = {"href": target.url}
    if target.relation is Relation.MODULE_PRELOAD:
        written["rel"] = target.relation.value
    elif target.destination is not None and target.destination is not plain.destination:
        written["as"] = target.destination.value
    if target.crossorigin is not None and target.crossorigin is not plain.crossorigin:
        written["crossorigin"] = target.crossorigin.value
    if target.fetchpriority is not FetchPriority.AUTO:
        written["fetchpriority"] = target.fetchpriority.value
    others = {"type": target.type, "media": target.media, "integrity": target.integrity}
    written |= {name: value for name, value in others.items() if value is not None}
    return written if len(written) > 1 else target.url
