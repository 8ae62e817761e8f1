"""Basic authentication (RFC 7617), for showing work to those who were told the password.

Contract: an application around another one, which answers 401 to everybody who does not send a
user and password of :class:`Credential`.  Passwords are compared in a thread: their hashes are made
to be slow (scrypt, RFC 7914).  What was right once is remembered by a keyed digest, within a bound;
what is wrong is not, and is reported.

Assumes: connections are encrypted, or on this machine; the configuration sees to that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from h2static.http.exchange import Application, Exchange, Handover, Outcome
from h2static.http.fields import SERVER_FIELD
from h2static.http.messages import Request, Response
from h2static.http.wrapper import Wrapper

#: The work for one password: 16 MiB and some 40 ms; what a client can make the server do.
_COST, _BLOCK, _PARALLEL = 2**14, 8, 1
_MEMORY = 64 << 20
_LEAST_SALT, _DIGEST = 8, 32
#: Right credentials that are remembered: more people than anybody shows work to.
_REMEMBERED = 1_000
#: Octets of an Authorization field; longer ones are no password.
_LONGEST = 2_048
_HASH = re.compile(r"scrypt\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
_CHALLENGE = b'Basic realm="h2static", charset="UTF-8"'
_TEXT = b"401 Unauthorized: a user and a password are needed.\n"


@dataclass(slots=True, kw_only=True, frozen=True)
class Credential:
    """A user, and what the password's hash has to be."""

    user: str
    #: The binary logarithm of scrypt's cost.
    cost: int
    salt: bytes
    digest: bytes

    def matches(self, password: bytes) -> bool:
        """Whether this is the password; takes its time."""
        return hmac.compare_digest(
            _scrypt(password, self.salt, 2**self.cost, len(self.digest)), self.digest
        )


def _scrypt(password: bytes, salt: bytes, cost: int, length: int) -> bytes:
    return hashlib.scrypt(
        password, salt=salt, n=cost, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY * 2, dklen=length
    )


def hash_password(password: str) -> str:
    """The hash of ``password`` for ``--auth``: another one each time."""
    salt = os.urandom(16)
    digest = _scrypt(password.encode("utf-8"), salt, _COST, _DIGEST)
    parts = [base64.b64encode(octets).decode("ascii") for octets in (salt, digest)]
    return f"scrypt${_COST.bit_length() - 1}${parts[0]}${parts[1]}"


def parse_credential(text: str) -> Credential:
    """``USER:HASH``.  Raises ``ValueError`` with one line, which does not tell the text."""
    user, colon, written = text.partition(":")
    if not colon or not user:
        raise ValueError("expected USER:HASH; h2static hash-password prints the hash")
    match = _HASH.fullmatch(written)
    if match is None:
        # It may be a password: it is not repeated.
        raise ValueError(
            f"what follows '{user}:' is no hash; h2static hash-password makes one of a password"
        )
    try:
        salt, digest = (base64.b64decode(match[part], validate=True) for part in (2, 3))
    except ValueError:
        raise ValueError(f"the hash of '{user}' is broken") from None
    cost = int(match[1])
    if not 10 <= cost <= 16 or len(salt) < _LEAST_SALT or len(digest) != _DIGEST:
        raise ValueError(f"the hash of '{user}' was not made by h2static hash-password")
    return Credential(user=user, cost=cost, salt=salt, digest=digest)


def ask_for_passwords(written: Sequence[str], inner: Application) -> BasicAuthApplication:
    """``inner`` for those only whom ``written`` names, each as ``USER:HASH``."""
    return BasicAuthApplication(inner, [parse_credential(one) for one in written])


class BasicAuthApplication(Wrapper):
    """Asks for a password before the application inside is asked for anything."""

    def __init__(self, inner: Application, credentials: Sequence[Credential]) -> None:
        super().__init__(inner)
        self._credentials = {one.user.encode("utf-8"): one for one in credentials}
        # Somebody who is no user takes as long as one who is.
        self._nobody = Credential(user="", cost=14, salt=os.urandom(16), digest=bytes(_DIGEST))
        self._key = os.urandom(32)
        #: Digests of fields that were right.
        self._right: set[bytes] = set()

    def recall(self, request: Request) -> Response | None:
        """What the application inside recalls, for those who have shown that they may."""
        return self._inner.recall(request) if self._is_known(request) else None

    def handle(self, exchange: Exchange) -> None:
        """As the application inside, once the password is known to be right."""
        request = exchange.request
        if self._is_known(request):
            self._inner.handle(exchange)
            return
        field = request.field(b"authorization")
        if field is None or len(field) > _LONGEST:
            exchange.respond(_unauthorized(request))
        else:
            exchange.work(lambda: self._checked(request, field))

    def _is_known(self, request: Request) -> bool:
        field = request.field(b"authorization")
        return field is not None and self._digest(field) in self._right

    def _digest(self, field: bytes) -> bytes:
        return hashlib.blake2b(field[:_LONGEST], key=self._key, digest_size=16).digest()

    def _checked(self, request: Request, field: bytes) -> Outcome:
        """In a thread: the application inside, or the refusal."""
        if not self._is_right(field):
            return _unauthorized(request, "the user or the password is wrong")
        if len(self._right) >= _REMEMBERED:
            self._right.clear()
        self._right.add(self._digest(field))
        return Handover(self._inner.handle)

    def _is_right(self, field: bytes) -> bool:
        scheme, _, encoded = field.partition(b" ")
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except ValueError:
            return False
        if scheme.lower() != b"basic" or not colon:
            return False
        known = self._credentials.get(user, self._nobody)
        return known.matches(password) and known is not self._nobody


def _unauthorized(request: Request, refusal: str | None = None) -> Response:
    # RFC 9110 section 15.5.2: "The server generating a 401 response MUST send a WWW-Authenticate
    # header field".
    fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(_TEXT)),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"www-authenticate", _CHALLENGE),
    )
    head = request.method == b"HEAD"
    response = Response(status=401, fields=fields, body=b"" if head else _TEXT, early=True)
    return response if refusal is None else replace(response, refusal=refusal)
