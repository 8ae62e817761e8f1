"""A client's TLS context (RFC 9113 section 9.2).

Contract: :func:`make_context` reads the files that the options name, or raises
:class:`~h2static.client.errors.OptionError`.  Nothing ever asks for a password.
"""

from __future__ import annotations

import os
import ssl

from h2static.client.errors import OptionError
from h2static.client.options import ConnectOptions


def make_context(options: ConnectOptions) -> ssl.SSLContext:
    """The context of connections with ``options``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # RFC 9113 section 9.2: "Implementations of HTTP/2 MUST use TLS version 1.2 [TLS12] or higher".
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(list(options.protocols))
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif options.ca_file is not None:
        try:
            context.load_verify_locations(options.ca_file)
        except (OSError, ValueError) as error:
            raise OptionError(f"{options.ca_file}: {_reason(error)}") from error
    else:
        context.load_default_certs()
    if options.cert_file is not None:
        try:
            context.load_cert_chain(options.cert_file, options.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            names = ", ".join(filter(None, (options.cert_file, options.key_file)))
            raise OptionError(f"{names}: {_reason(error)}") from error
    if options.key_log_file is not None:
        try:
            context.keylog_filename = options.key_log_file
        except OSError as error:
            raise OptionError(f"{options.key_log_file}: {_reason(error)}") from error
    return context


def describe(error: OSError) -> str:
    """Why a handshake has failed, in one line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLEOFError | ConnectionResetError):
        return "TLS: the server closed the connection during the handshake"
    if isinstance(error, ssl.SSLError):
        if error.reason == "WRONG_VERSION_NUMBER":
            return "TLS: the server does not speak TLS"
        return f"TLS: {error.reason or error}"
    return error.strerror or str(error)


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"not usable as PEM: {error.reason or error}"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error)
