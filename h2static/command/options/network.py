"""Options of the listening sockets, of TLS and of HTTP/2."""

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
        default="every interface, IPv4 and IPv6",
        help="Listen at ADDR, a host name, an IP address or unix:/path. Repeatable.",
    ),
    Option(
        name="trusted-proxy",
        group=Group.LISTENING,
        argument=Argument.MANY,
        metavar="NET",
        parse=values.network,
        help="Believe the proxies in NET (an address, a network such as 10.0.0.0/8, or 'unix')"
        " about their clients: a PROXY header, X-Forwarded-For, X-Forwarded-Proto or Forwarded"
        " says what logs show, and ':scheme https' may come on cleartext. Repeatable.",
    ),
    Option(
        name="auth",
        group=Group.LISTENING,
        argument=Argument.MANY,
        metavar="USER:HASH",
        parse=values.credential,
        help="Ask for a user and a password; h2static hash-password prints HASH. With TLS, or on"
        " loopback. Repeatable.",
    ),
    choice_option(
        name="proxy-protocol",
        group=Group.LISTENING,
        what="PROXY protocol mode",
        default=ProxyProtocol.ACCEPT,
        metavar="WHEN",
        help="Whether connections of trusted proxies begin with a PROXY header, version 1 or 2:"
        " 'accept' takes both, 'require' closes those without, 'off' takes none.",
    ),
)

TLS = (
    Option(
        name="no-tls",
        group=Group.TLS,
        help="Speak HTTP/2 without TLS, with prior knowledge, and HTTP/1.1.",
    ),
    file_option(
        name="key-password-file",
        group=Group.TLS,
        help="The first line of FILE is the password of KEY.",
    ),
    Option(
        name="insecure-key",
        group=Group.TLS,
        help="Use KEY even if everybody on this machine can change it, and do not warn that"
        " everybody can read it.",
    ),
    Option(
        name="verify-client",
        letter="V",
        group=Group.TLS,
        help="Demand a client certificate that a certificate of --client-ca vouches for.",
    ),
    file_option(
        name="client-ca",
        group=Group.TLS,
        help="PEM file with the certificate authorities for --verify-client.",
    ),
    Option(
        name="groups",
        group=Group.TLS,
        argument=Argument.ONE,
        metavar="GROUP",
        parse=values.group,
        default="OpenSSL's own list",
        schema={"enum": list(values.GROUP_NAMES)},
        help=f"The one key exchange group to allow: {', '.join(values.GROUP_NAMES)}.",
    ),
    file_option(
        name="dh-param-file",
        group=Group.TLS,
        default="no DHE",
        help="PEM file with Diffie-Hellman parameters; enables DHE cipher suites of TLS 1.2.",
    ),
)

PROTOCOL = (
    size_option(
        name="header-table-size",
        letter="c",
        group=Group.PROTOCOL,
        maximum=MAX_HEADER_TABLE_SIZE,
        default="not sent, 4096",
        help="Size of the decoder's dynamic table, sent as SETTINGS_HEADER_TABLE_SIZE.",
    ),
    size_option(
        name="encoder-header-table-size",
        group=Group.PROTOCOL,
        maximum=MAX_ENCODER_HEADER_TABLE_SIZE,
        default="4096",
        help="Upper bound of the encoder's dynamic table; the client may allow less. At most 64K.",
    ),
    integer_option(
        name="max-concurrent-streams",
        letter="m",
        group=Group.PROTOCOL,
        minimum=1,
        maximum=MAX_CONCURRENT_STREAMS,
        default="100",
        help="Streams that a client may have open at once.",
    ),
    integer_option(
        name="window-bits",
        letter="w",
        group=Group.PROTOCOL,
        minimum=0,
        maximum=MAX_WINDOW_BITS,
        default="not sent, 65535 octets",
        help="Initial window of a stream: 2**N-1 octets.",
    ),
    integer_option(
        name="connection-window-bits",
        letter="W",
        group=Group.PROTOCOL,
        minimum=0,
        maximum=MAX_WINDOW_BITS,
        default="65535 octets",
        help="Window of a connection: 2**N-1 octets.",
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
        help="Add up to N octets of padding to HEADERS, DATA and PUSH_PROMISE frames. A frame can"
        f" carry {MAX_PADDING}; a larger N means that.",
    ),
    Option(
        name="early-response",
        group=Group.PROTOCOL,
        help="Answer when a request's field section is there, without waiting for its content.",
    ),
    Option(
        name="trailer",
        group=Group.PROTOCOL,
        argument=Argument.MANY,
        metavar="FIELD",
        parse=values.trailer,
        help="Send the trailer field 'name: value' at the end of each response. Repeatable.",
    ),
    Option(
        name="no-content-length",
        group=Group.PROTOCOL,
        help="Leave content-length out of responses that carry a file.",
    ),
    Option(
        name="http2-only",
        group=Group.PROTOCOL,
        help="Refuse HTTP/1.1, which browsers use without TLS.",
    ),
    Option(
        name="http1-only",
        group=Group.PROTOCOL,
        help="Refuse HTTP/2.",
    ),
    Option(
        name="http3",
        group=Group.PROTOCOL,
        help="Speak HTTP/3 too, over UDP at the same port numbers. Needs the extra"
        " h2static[http3].",
    ),
    Option(
        name="http3-only",
        group=Group.PROTOCOL,
        help="Speak HTTP/3 and nothing else: connections over TCP are refused.",
    ),
    choice_option(
        name="alt-svc",
        group=Group.PROTOCOL,
        what="Alt-Svc mode",
        default=AltSvc.AUTO,
        metavar="WHEN",
        help="Whether responses over TLS tell clients of HTTP/3 at the same port, which they"
        " remember for a day: 'auto' with --http3 but not with --dev, 'on', 'off', or 'clear' to"
        " have them forget it.",
    ),
)
