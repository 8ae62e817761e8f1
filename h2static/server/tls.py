"""TLS contexts that follow RFC 9113 section 9.2.

Contract: :func:`make_context` returns a context that a worker uses for all its connections, or
raises :class:`~h2static.errors.StartError` with the file and the problem.  Nothing ever prompts for
a password: it comes from a file, or the key has none.

Assumes: Python's ``ssl`` with OpenSSL 1.1.1 or later.  It cannot refuse a client with ALPN's alert
(RFC 7301 section 3.2); the connection's driver examines the client's offer before the handshake,
and the selected protocol after it.
"""

from __future__ import annotations

import os
import ssl

from h2static.config import Config
from h2static.descriptors import open_regular_file
from h2static.errors import StartError
from h2static.server import key_files

# RFC 9113 section 9.2.2: "An HTTP/2 deployment over TLS 1.2 SHOULD NOT use any of the prohibited
# cipher suites listed in Appendix A": ephemeral key exchange and AEAD are what remains.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_CIPHERS_WITH_DHE = f"{_CIPHERS}:DHE+AESGCM"


def make_context(
    config: Config, *, protocols: tuple[str, ...] | None = None, tickets: bool
) -> ssl.SSLContext:
    """The context that ``config`` describes, offering ``protocols`` by ALPN in that order.

    By default those are what ``config`` allows: ``h2``, and ``http/1.1`` after it.

    ``tickets``: whether clients get tickets to resume sessions with.  A ticket is sealed with a key
    that only this context knows, so where several processes serve one address, tickets have to be
    off: a client that comes back to another process would be asked for a full handshake every other
    time.  (Session identifiers of TLS 1.2 cannot be turned off from Python; a process that does not
    know one makes a full handshake.)

    Raises :class:`~h2static.errors.StartError`.
    """
    assert config.key_file is not None
    assert config.cert_file is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # RFC 9113 section 9.2: "Implementations of HTTP/2 MUST use TLS version 1.2 [TLS12] or higher".
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9113 section 9.2.1: "A deployment of HTTP/2 over TLS 1.2 MUST disable compression" and
    # "MUST disable renegotiation".
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # All suites are strong, and the client knows which one its processor is made for: browsers
    # prefer AES-128, which takes a fifth less time to encrypt, and phones without AES ChaCha20.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    # Hardly any client sends close_notify before it disconnects.  OpenSSL 3 would take that for a
    # violation: an error to describe, and a fatal alert for a client that has gone.
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    context.set_ciphers(_CIPHERS_WITH_DHE if config.dh_param_file else _CIPHERS)
    if protocols is None:
        protocols = config.protocols
    context.set_alpn_protocols(list(protocols))
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    # A ticket takes a tenth of a handshake's time.  Clients of HTTP/2 open one connection at a time
    # (RFC 9113 section 9.1), so they need one, and get another with each session that they resume.
    context.num_tickets = int(tickets)
    _load_certificate(context, config)
    if config.verify_client:
        _load_client_ca(context, config.client_ca)
    if config.groups is not None:
        try:
            context.set_ecdh_curve(config.groups)
        except ValueError as error:
            raise StartError(f"--groups: this OpenSSL does not support {config.groups}") from error
    if config.dh_param_file is not None:
        try:
            with open_regular_file(config.dh_param_file):
                context.load_dh_params(config.dh_param_file)
        except OSError as error:
            raise StartError(f"--dh-param-file {config.dh_param_file}: {_reason(error)}") from error
    key_log = os.environ.get("SSLKEYLOGFILE")
    if key_log:
        try:
            context.keylog_filename = key_log
        except OSError as error:
            raise StartError(f"SSLKEYLOGFILE {key_log}: {_reason(error)}") from error
    return context


def _load_certificate(context: ssl.SSLContext, config: Config) -> None:
    """Load certificate and key."""
    cert_file, key_file = config.cert_file, config.key_file
    assert cert_file is not None
    assert key_file is not None
    try:
        with open_regular_file(cert_file) as file:
            file.read(1)
    except OSError as error:
        raise StartError(f"cannot read the certificate: {cert_file}: {error.strerror}") from error
    key_files.check(config)
    password = _Password(config.key_password_file)
    try:
        context.load_cert_chain(cert_file, key_file, password=password.give)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise StartError(
                f"the private key {key_file} does not match the certificate {cert_file}"
            ) from error
        if password.wanted:
            raise StartError(
                f"the password in {config.key_password_file} does not decrypt the private key"
                f" {key_file}"
            ) from error
        raise StartError(
            f"cannot use the certificate {cert_file} with the private key {key_file}:"
            f" {_reason(error)}"
        ) from error
    except _PasswordWantedError as error:
        raise StartError(
            f"the private key is encrypted: {key_file}: use --key-password-file, or decrypt it"
        ) from error


def _load_client_ca(context: ssl.SSLContext, path: str | None) -> None:
    assert path is not None
    try:
        with open_regular_file(path):
            context.load_verify_locations(cafile=path)
    except OSError as error:
        raise StartError(f"--client-ca {path}: {_reason(error)}") from error
    context.verify_mode = ssl.CERT_REQUIRED


class _PasswordWantedError(Exception):
    """OpenSSL asked for the password of a private key."""


class _Password:
    """The password of a private key."""

    def __init__(self, path: str | None) -> None:
        """``path``: where it is; ``None``: there is none."""
        self._password = None if path is None else key_files.read_password(path)
        #: Whether the key is encrypted.
        self.wanted = False

    def give(self) -> bytes:
        """Return the password to OpenSSL."""
        self.wanted = True
        if self._password is None:
            raise _PasswordWantedError
        return self._password


def _reason(error: OSError) -> str:
    """The error, without OpenSSL's file names and line numbers."""
    if isinstance(error, ssl.SSLError):
        if error.reason in (None, "NO_START_LINE", "PEM_LIB"):
            return "not a PEM file of the expected kind"
        return str(error.reason).replace("_", " ").lower()
    return error.strerror or str(error)


def expiry_warning(path: str, now: float) -> str | None:
    """One line when the certificate in ``path`` has expired or will within 30 days.

    ``now`` is in seconds since 1970.  ``None`` also when the file cannot be read as a certificate;
    :func:`make_context` has told about that.
    """
    # Large, and needed for this line only; callers call when the server has started.
    from cryptography import x509

    try:
        with open_regular_file(path) as file:
            certificate = x509.load_pem_x509_certificate(file.read())
    except (OSError, ValueError):
        return None
    left = certificate.not_valid_after_utc.timestamp() - now
    date = certificate.not_valid_after_utc.strftime("%Y-%m-%d")
    if left < 0:
        return f"the certificate expired on {date}: {path}"
    if left < EXPIRY_WARNING:
        return f"the certificate expires in {int(left // 86400)} days, on {date}: {path}"
    return None


#: Seconds before the end of a certificate from which on its expiry is warned of: 30 days.
EXPIRY_WARNING = 30 * 86400.0
