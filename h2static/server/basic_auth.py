"""Basic authentication (RFC 7617), for showing work in progress to people with a password.

Contract: an application around another one that responds 401 unless the request has a user name and
a password of a :class:`Credential`.  Hashes are deliberately slow (scrypt, RFC 7914), so passwords
are checked one after the other in a thread of their own: guessing delays only other clients with
new passwords, and their number is limited.  Valid credentials are cached by a keyed digest, within
a limit; invalid ones are not cached, and are reported.

Assumes: connections are encrypted or local; the configuration ensures that.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from h2static.http.exchange import Application, Exchange
from h2static.http.fields import SERVER_FIELD
from h2static.http.messages import Client, Request, Response
from h2static.http.wrapper import Wrapper
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits

#: The work for one password: 16 MiB and some 40 ms; what a client can make the server do.
_LOG_COST, _BLOCK, _PARALLEL = 14, 8, 1
_MEMORY = 64 << 20
_LEAST_SALT, _DIGEST = 8, 32
_HASH = re.compile(r"scrypt\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
_CHALLENGE = b'Basic realm="h2static", charset="UTF-8"'
_TEXT = b"401 Unauthorized: this site requires a user name and a password.\n"


@dataclass(slots=True, kw_only=True, frozen=True)
class Credential:
    """A user, and what the password's hash has to be."""

    user: str
    #: The binary logarithm of scrypt's cost.
    cost: int
    salt: bytes
    digest: bytes

    def matches(self, password: bytes) -> bool:
        """Whether this is the password; deliberately slow."""
        return hmac.compare_digest(
            _scrypt(_composed(password), self.salt, 2**self.cost, len(self.digest)), self.digest
        )


def _scrypt(password: bytes, salt: bytes, cost: int, length: int) -> bytes:
    return hashlib.scrypt(
        password, salt=salt, n=cost, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY * 2, dklen=length
    )


def _composed(octets: bytes) -> bytes:
    """``octets`` as everybody writes them: keyboards differ in how they write an "é" (RFC 8265
    section 4.2.2, to which RFC 7617 section 2.1 sends)."""
    try:
        return unicodedata.normalize("NFC", octets.decode("utf-8")).encode("utf-8")
    except UnicodeDecodeError:
        return octets


def hash_password(password: str) -> str:
    """The hash of ``password`` for ``--auth``: another one each time."""
    salt = os.urandom(16)
    digest = _scrypt(_composed(password.encode("utf-8")), salt, 2**_LOG_COST, _DIGEST)
    parts = [base64.b64encode(octets).decode("ascii") for octets in (salt, digest)]
    return f"scrypt${_LOG_COST}${parts[0]}${parts[1]}"


def parse_credential(text: str) -> Credential:
    """``USER:HASH``.  Raises ``ValueError`` with one line, which does not reveal the text."""
    user, colon, written = text.partition(":")
    if not colon or not user:
        raise ValueError("expected USER:HASH; h2static hash-password prints the hash")
    match = _HASH.fullmatch(written)
    if match is None:
        # It may be a password: it is not repeated.
        raise ValueError(f"'{user}:' is not followed by a hash; h2static hash-password prints one")
    try:
        salt, digest = (base64.b64decode(match[part], validate=True) for part in (2, 3))
    except ValueError:
        raise ValueError(f"the hash of '{user}' is malformed") from None
    cost = int(match[1])
    if not 10 <= cost <= 16 or len(salt) < _LEAST_SALT or len(digest) != _DIGEST:
        raise ValueError(f"the hash of '{user}' was not made with h2static hash-password")
    user = unicodedata.normalize("NFC", user)
    return Credential(user=user, cost=cost, salt=salt, digest=digest)


def check_users(written: Sequence[str]) -> None:
    """Raise ``ValueError`` where a user of ``written`` has two passwords: which one is meant?"""
    users = [parse_credential(one).user for one in written]
    for user in users:
        if users.count(user) > 1:
            raise ValueError(f"the user '{user}' is repeated")


def ask_for_passwords(
    written: Sequence[str],
    inner: Application,
    strangers: Application,
    post: Callable[[Callable[[], None]], None],
) -> BasicAuthApplication:
    """``inner`` for those only whom ``written`` names, each as ``USER:HASH``.

    ``strangers`` refuses what others ask.  ``post`` has something done in the loop's thread.
    """
    credentials = [parse_credential(one) for one in written]
    return BasicAuthApplication(inner, strangers, credentials, thread=OneThread(), post=post)


class Background(Protocol):
    """Does one thing after the other, elsewhere."""

    def submit(self, work: Callable[[], None]) -> None:
        """Do ``work``, which never raises, soon; without effect once it was stopped."""

    def stop(self) -> None:
        """Start no more work."""


class OneThread:
    """A thread, which begins with the first work; a :class:`Background`."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="password")

    def submit(self, work: Callable[[], None]) -> None:
        """Implement :meth:`Background.submit`."""
        # After the stop, its result is not needed.
        with contextlib.suppress(RuntimeError):
            self._executor.submit(work)

    def stop(self) -> None:
        """Implement :meth:`Background.stop`."""
        self._executor.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True, kw_only=True, eq=False)
class _Check:
    """A field that is being checked, and the exchanges that wait for the result."""

    host: str
    exchanges: list[Exchange]

    def leave(self, exchange: Exchange) -> None:
        """``exchange`` no longer waits."""
        if exchange in self.exchanges:
            self.exchanges.remove(exchange)


class BasicAuthApplication(Wrapper):
    """Requires a password before the wrapped application sees a request."""

    def __init__(
        self,
        inner: Application,
        strangers: Application,
        credentials: Sequence[Credential],
        *,
        thread: Background,
        post: Callable[[Callable[[], None]], None],
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(inner)
        self._credentials = {one.user.encode("utf-8"): one for one in credentials}
        # An unknown user takes as long as a known one.
        cost = max((one.cost for one in credentials), default=_LOG_COST)
        self._nobody = Credential(user="", cost=cost, salt=os.urandom(16), digest=bytes(_DIGEST))
        self._key = os.urandom(32)
        self._thread = thread
        self._post = post
        self._limits = limits
        self._strangers = strangers
        #: Digests of fields that were right.
        self._right: set[bytes] = set()
        #: Fields that are being checked, by digest.
        self._checks: dict[bytes, _Check] = {}

    def recall(self, request: Request) -> Response | None:
        """The wrapped application's recalled response, for authenticated requests."""
        return self._inner.recall(request) if self._is_known(request) else None

    def refuse(self, status: int, request: Request | None) -> Response:
        """Refuse; the pages of the wrapped application are for authenticated requests only."""
        known = request is not None and self._is_known(request)
        return (self._inner if known else self._strangers).refuse(status, request)

    def stop(self) -> None:
        """Stop the wrapped application, and check no more passwords."""
        self._thread.stop()
        super().stop()

    def handle(self, exchange: Exchange) -> None:
        """Pass the request to the wrapped application once the password is verified."""
        request = exchange.request
        if self._is_known(request):
            self._inner.handle(exchange)
            return
        field = request.field(b"authorization")
        if field is None or len(field) > self._limits.authorization:
            exchange.respond(_unauthorized(request))
            return
        digest = self._digest(field)
        check = self._checks.get(digest)
        if check is None:
            if not self._has_room(exchange.client):
                exchange.respond(_busy(request))
                return
            check = self._checks[digest] = _Check(host=exchange.client.host, exchanges=[exchange])
            self._begin(digest, field)
        else:
            # Browsers send many requests at once, all with the same field.
            check.exchanges.append(exchange)
        exchange.when_lost(lambda: check.leave(exchange))

    def _has_room(self, client: Client) -> bool:
        """Whether one more field may wait: a client that tries many must not block others."""
        if len(self._checks) >= self._limits.password_checks:
            return False
        if client.proxies is not None or not client.host:
            # They are many behind one address.
            return True
        own = sum(one.host == client.host for one in self._checks.values())
        return own < self._limits.password_checks_of_client

    def _is_known(self, request: Request) -> bool:
        # A promise is made with the response to an authenticated client (RFC 9113 section 8.4), and
        # carries no field that the client did not send for it.
        if request.promised:
            return True
        field = request.field(b"authorization")
        return field is not None and self._digest(field) in self._right

    def _digest(self, field: bytes) -> bytes:
        return hashlib.blake2b(field, key=self._key, digest_size=16).digest()

    # ------------------------------------------------------------------ looking at a password

    def _begin(self, digest: bytes, field: bytes) -> None:
        self._thread.submit(lambda: self._look(digest, field))

    def _look(self, digest: bytes, field: bytes) -> None:
        """In the thread."""
        check = self._checks.get(digest)
        outcome: bool | str | None = None
        # Nothing is done for disconnected clients.
        if check is not None and check.exchanges:
            try:
                outcome = self._is_right(field)
            except (ValueError, MemoryError) as error:  # what OpenSSL says where memory is short
                outcome = f"the password could not be checked: {error}"
        self._post(lambda: self._settle(digest, field, outcome))

    def _settle(self, digest: bytes, field: bytes, outcome: bool | str | None) -> None:
        """``outcome``: whether the field is valid, an error, or ``None``: no exchange waited."""
        check = self._checks[digest]
        if outcome is None and check.exchanges:
            # Another exchange joined in the meantime.
            self._begin(digest, field)
            return
        del self._checks[digest]
        if outcome is True:
            if len(self._right) >= self._limits.right_credentials:
                self._right.clear()
            self._right.add(digest)
        for exchange in tuple(check.exchanges):
            if outcome is True:
                self._inner.handle(exchange)
            elif isinstance(outcome, str):
                exchange.abort(outcome)
            else:
                refusal = "wrong user name or password"
                exchange.respond(_unauthorized(exchange.request, refusal))

    def _is_right(self, field: bytes) -> bool:
        scheme, _, encoded = field.partition(b" ")
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        except ValueError:
            return False
        if scheme.lower() != b"basic" or not colon:
            return False
        known = self._credentials.get(_composed(user), self._nobody)
        return known.matches(password) and known is not self._nobody


def _busy(request: Request) -> Response:
    """Too many passwords are waiting to be checked."""
    text = b"503 Service Unavailable: too many passwords are being checked.\n"
    fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(text)),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"retry-after", b"1"),
    )
    return Response(
        status=503,
        fields=fields,
        body=b"" if request.method == b"HEAD" else text,
        early=True,
        refusal="too many passwords are being checked",
    )


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
