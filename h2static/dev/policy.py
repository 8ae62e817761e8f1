"""Content-Security-Policy: allow the client, and nothing else.

Contract: :func:`extend_policies` extends the value of a ``Content-Security-Policy`` field so that
the client's script may be loaded and may open its event stream; :func:`lets_client_work` says
whether that helps.  A policy that already allows both is returned unchanged, octet for octet.
Nothing that was allowed becomes forbidden, and nothing is allowed beyond the two URLs.

Strategy (CSP level 3): for each need, find the directive that governs it, through its fall-backs.
If that does not match the address, add the address; when it is a fall-back, as a new directive with
a copy of its sources.  Under ``'strict-dynamic'`` addresses do not count, so the script element
then carries a nonce: one that the policy names already, else one of ours.  A nonce is never added
otherwise, because it would switch ``'unsafe-inline'`` off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from h2static.dev.injection import CLIENT_PATH, EVENTS_PATH

#: Which directives govern a script element and an event stream, the first one present counts
#: (CSP level 3, sections 6.8.3 and 6.8.4).
_SCRIPT = ("script-src-elem", "script-src", "default-src")
_CONNECT = ("connect-src", "default-src")

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_\-]+={0,2})'", re.IGNORECASE)
_META = re.compile(rb"<meta(?=[\s/])(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HTTP_EQUIV = re.compile(
    rb"""\shttp-equiv\s*=\s*(?:"\s*content-security-policy\s*"|'\s*content-security-policy\s*'"""
    rb"""|content-security-policy(?=[\s/>]))""",
    re.IGNORECASE,
)
_CONTENT = re.compile(rb"""(\scontent\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)
#: Octets of a document that are looked at at a time.
_SLICE = 256 * 1024
#: Host sources name no IPv6 addresses (CSP level 3, section 2.3.1).
_HOST_SOURCE = re.compile(r"[A-Za-z0-9.\-]+(?::[0-9]+)?")


class Origin(NamedTuple):
    """The origin of the page."""

    #: ``http`` or ``https``.
    scheme: str
    #: Host and port as the client wrote them.
    authority: str

    def source(self, path: str) -> str:
        """The narrowest source expression that matches ``path`` of this origin."""
        if _HOST_SOURCE.fullmatch(self.authority) is None:
            return "'self'"
        return f"{self.scheme}://{self.authority}{path}"


@dataclass(slots=True, kw_only=True)
class Extension:
    """The extended policies of one page."""

    origin: Origin
    #: The nonce to use if a policy allows nothing else.
    spare_nonce: str
    #: The nonce that the script element must carry.
    nonce: str | None = None


def lets_client_work(field: str) -> bool:
    """Whether documents under the policies of ``field`` run scripts in the origin that they come
    from.

    A sandbox takes both away unless it is told otherwise (HTML, "sandboxing"), and to an opaque
    origin nothing is the same origin, which alone may hear events.
    """
    sandboxes = (_parse(policy).get("sandbox") for policy in field.split(","))
    return all(
        {"allow-scripts", "allow-same-origin"} <= {flag.lower() for flag in flags}
        for flags in sandboxes
        if flags is not None
    )


def extend_policies(field: str, extension: Extension) -> str:
    """Extend each policy of a field value (RFC 9110 lists: every policy must allow the client)."""
    return ",".join(_extend_policy(policy, extension) for policy in field.split(","))


def extend_meta_elements(document: bytes, extension: Extension) -> bytes:
    """Extend the policies that a document sets in ``<meta http-equiv>`` elements.

    Only complete, quoted elements are touched; what looks like one inside a comment or a script is
    changed as well, which does no harm.
    """

    def extend(match: re.Match[bytes]) -> bytes:
        element = match.group()
        if _HTTP_EQUIV.search(element) is None:
            return element
        return _CONTENT.sub(extend_content, element, count=1)

    def extend_content(match: re.Match[bytes]) -> bytes:
        name, quoted = match.groups()
        quote = quoted[:1]
        # Single quotes are part of the grammar; authors write them as references in '...'.
        text = quoted[1:-1].decode("latin-1")
        plain = text.replace("&#39;", "'").replace("&apos;", "'").replace("&#x27;", "'")
        extended = extend_policies(plain, extension)
        if extended == plain:
            return match.group()
        if quote == b"'":
            extended = extended.replace("'", "&#39;")
        return b"".join((name, quote, extended.encode("latin-1"), quote))

    if not _mentions_policy(document):
        return document
    return _META.sub(extend, document)


def _mentions_policy(document: bytes) -> bool:
    """Whether there is a policy to look for; in slices, as a copy of the whole may be large."""
    word = b"content-security-policy"
    return any(
        word in document[start : start + _SLICE + len(word) - 1].lower()
        for start in range(0, len(document), _SLICE)
    )


def _extend_policy(policy: str, extension: Extension) -> str:
    """One policy with what the client needs added."""
    directives = _parse(policy)
    additions = []
    script = _extend_script(directives, extension)
    if script is not None:
        additions.append(script)
    connect = _governing(directives, _CONNECT)
    if connect is not None and not _matches(directives[connect], extension.origin, EVENTS_PATH):
        source = extension.origin.source(EVENTS_PATH)
        additions.append((connect, "connect-src", source))
    for governing, target, source in additions:
        policy = _add(policy, governing, target, source)
    return policy


def _extend_script(
    directives: dict[str, list[str]], extension: Extension
) -> tuple[str, str, str] | None:
    """What lets the script element run: governing directive, directive to write, source to add."""
    governing = _governing(directives, _SCRIPT)
    if governing is None:
        return None
    sources = directives[governing]
    target = "script-src" if governing == "default-src" else governing
    lowered = [source.lower() for source in sources]
    if "'strict-dynamic'" not in lowered:
        if _matches(sources, extension.origin, CLIENT_PATH):
            return None
        return governing, target, extension.origin.source(CLIENT_PATH)
    if extension.nonce is not None and f"'nonce-{extension.nonce}'" in sources:
        return None
    if extension.nonce is None:
        for source in sources:
            match = _NONCE.fullmatch(source)
            if match is not None:
                extension.nonce = match.group(1)
                return None
        extension.nonce = extension.spare_nonce
    return governing, target, f"'nonce-{extension.nonce}'"


def _parse(policy: str) -> dict[str, list[str]]:
    """Directives by name; of repeated ones the first counts (CSP level 3, section 2.2.1)."""
    directives: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        words = directive.split()
        if words:
            directives.setdefault(words[0].lower(), words[1:])
    return directives


def _governing(directives: dict[str, list[str]], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in directives), None)


def _matches(sources: list[str], origin: Origin, path: str) -> bool:
    """Whether one of ``sources`` surely matches ``path`` of ``origin``."""
    own = f"{origin.scheme}://{origin.authority}".lower()
    for source in sources:
        lowered = source.lower()
        # A scheme source of "http:" matches https as well (CSP level 3, section 6.7.2.9).
        if lowered in ("*", "'self'", f"{origin.scheme}:", "http:", own, own + "/", own + path):
            return True
    return False


def _add(policy: str, governing: str, target: str, source: str) -> str:
    """Add ``source`` to the directive ``target``; a copy of ``governing`` if that is another."""
    parts = policy.split(";")
    for index, part in enumerate(parts):
        words = part.split()
        if not words or words[0].lower() != governing:
            continue
        kept = [word for word in words[1:] if word.lower() != "'none'"]
        extended = " ".join((target, *kept, source))
        if target == governing:
            space = part[: len(part) - len(part.lstrip())]
            parts[index] = space + extended
        else:
            while parts and not parts[-1].strip():
                parts.pop()
            parts.append(" " + extended)
        break
    return ";".join(parts)
