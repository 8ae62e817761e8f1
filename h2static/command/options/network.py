"""Options for listening sockets, TLS and HTTP/2."""

from __future__ import annotations

from h2static.command.options import values
from h2static.command.options.model import (
    Argument,
    Group,
    Option,
    choice_option,
    file_option,
    integer_option,
    integer_schema,
    size_option,
)
from h2static.config import (
    MAX_CONCURRENT_STREAMS,
    MAX_ENCODER_HEADER_TABLE_SIZE,
    MAX_HEADER_TABLE_SIZE,
    MAX_PADDING,
    MAX_WINDOW_BITS,
    AltSvc,
    ProxyProtocol,
)

LISTENING = (
    Option(
        name="address",
        letter="a",
        group=Group.LISTENING,
        argument=Argument.MANY,
        metavar="ADDR",
        parse=values.address,
        default="all interfaces, IPv4 and IPv6",
        help="Listen on ADDR: a host name, an IP address or unix:/path. Repeatable.",
    ),
    Option(
        name="trusted-proxy",
        group=Group.LISTENING,
        argument=Argument.MANY,
        metavar="NET",
        parse=values.network,
        help="Trust proxies in NET (an address, a network such as 10.0.0.0/8, or 'unix') to"
        " report the client's address and scheme with a PROXY header, X-Forwarded-For,"
        " X-Forwarded-Proto or Forwarded. Such proxies may also send ':scheme https' over"
        " cleartext. Repeatable.",
    ),
    Option(
        name="auth",
        group=Group.LISTENING,
        argument=Argument.MANY,
        metavar="USER:HASH",
        parse=values.credential,
        help="Require a user name and a password; h2static hash-password prints HASH. Works"
        " over TLS or on loopback only. Repeatable.",
    ),
    choice_option(
        name="proxy-protocol",
        group=Group.LISTENING,
        what="PROXY protocol mode",
        default=ProxyProtocol.ACCEPT,
        metavar="WHEN",
        help="PROXY protocol (version 1 and 2) on connections from trusted proxies: 'accept'"
        " it if present, 'require' it, or turn it 'off'.",
    ),
)

TLS = (
    Option(
        name="no-tls",
        group=Group.TLS,
        help="Serve cleartext HTTP/2 (with prior knowledge) and HTTP/1.1.",
    ),
    file_option(
        name="key-password-file",
        group=Group.TLS,
        help="Read the password for KEY from the first line of FILE.",
    ),
    Option(
        name="insecure-key",
        group=Group.TLS,
        help="Use KEY even if it is world-writable, and do not warn if it is world-readable.",
    ),
    Option(
        name="verify-client",
        letter="V",
        group=Group.TLS,
        help="Require a client certificate signed by a CA in --client-ca.",
    ),
    file_option(
        name="client-ca",
        group=Group.TLS,
        help="PEM file with the CA certificates for --verify-client.",
    ),
    Option(
        name="groups",
        group=Group.TLS,
        argument=Argument.ONE,
        metavar="GROUP",
        parse=values.group,
        default="OpenSSL's own list",
        schema={"enum": list(values.GROUP_NAMES)},
        help=f"Allow only this key exchange group: {', '.join(values.GROUP_NAMES)}.",
    ),
    file_option(
        name="dh-param-file",
        group=Group.TLS,
        default="no DHE",
        help="PEM file with Diffie-Hellman parameters; enables the DHE cipher suites of TLS 1.2.",
    ),
)

PROTOCOL = (
    size_option(
        name="header-table-size",
        letter="c",
        group=Group.PROTOCOL,
        maximum=MAX_HEADER_TABLE_SIZE,
        default="not sent, 4096",
        help="Size of the HPACK decoder's dynamic table, sent as SETTINGS_HEADER_TABLE_SIZE.",
    ),
    size_option(
        name="encoder-header-table-size",
        group=Group.PROTOCOL,
        maximum=MAX_ENCODER_HEADER_TABLE_SIZE,
        default="4096",
        help=(
            "Maximum size of the HPACK encoder's dynamic table, up to 64K; the client may set"
            " a lower limit."
        ),
    ),
    integer_option(
        name="max-concurrent-streams",
        letter="m",
        group=Group.PROTOCOL,
        minimum=1,
        maximum=MAX_CONCURRENT_STREAMS,
        default="100",
        help="Maximum number of concurrent streams per connection.",
    ),
    integer_option(
        name="window-bits",
        letter="w",
        group=Group.PROTOCOL,
        minimum=0,
        maximum=MAX_WINDOW_BITS,
        default="not sent, 65535 octets",
        help="Initial stream window: 2**N-1 octets.",
    ),
    integer_option(
        name="connection-window-bits",
        letter="W",
        group=Group.PROTOCOL,
        minimum=0,
        maximum=MAX_WINDOW_BITS,
        default="65535 octets",
        help="Connection window: 2**N-1 octets.",
    ),
    Option(
        name="padding",
        letter="b",
        group=Group.PROTOCOL,
        argument=Argument.ONE,
        metavar="N",
        parse=values.padding,
        default="0",
        schema=integer_schema(0, 2**31 - 1),
        help="Add up to N octets of padding to HEADERS, DATA and PUSH_PROMISE frames; values"
        f" above {MAX_PADDING} count as {MAX_PADDING}.",
    ),
    Option(
        name="early-response",
        group=Group.PROTOCOL,
        help=(
            "Respond as soon as the request's header section arrives, without waiting for its"
            " content."
        ),
    ),
    Option(
        name="trailer",
        group=Group.PROTOCOL,
        argument=Argument.MANY,
        metavar="FIELD",
        parse=values.trailer,
        help="Send the trailer field 'name: value' after each response. Repeatable.",
    ),
    Option(
        name="no-content-length",
        group=Group.PROTOCOL,
        help="Omit content-length from responses that carry a file.",
    ),
    Option(
        name="http2-only",
        group=Group.PROTOCOL,
        help="Refuse HTTP/1.1 (which browsers use without TLS).",
    ),
    Option(
        name="http1-only",
        group=Group.PROTOCOL,
        help="Refuse HTTP/2.",
    ),
    Option(
        name="http3",
        group=Group.PROTOCOL,
        help="Also serve HTTP/3, over UDP on the same port numbers. Requires the extra"
        " h2static[http3].",
    ),
    Option(
        name="http3-only",
        group=Group.PROTOCOL,
        help="Serve HTTP/3 only; do not accept TCP connections.",
    ),
    choice_option(
        name="alt-svc",
        group=Group.PROTOCOL,
        what="Alt-Svc mode",
        default=AltSvc.AUTO,
        metavar="WHEN",
        help="Advertise HTTP/3 on the same port in responses over TLS; clients remember it for"
        " a day: 'on', 'off', 'auto' (on with --http3, except with --dev), or 'clear',"
        " which makes clients forget it.",
    ),
)
