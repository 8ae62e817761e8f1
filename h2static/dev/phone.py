"""The page that shows how a phone can trust this server.

Contract: :class:`PhonePage` serves a page without script, light and dark, with the steps for the
platform of the client, and the CA certificate in the format that all platforms accept (DER).
"""

from __future__ import annotations

import ssl
from hashlib import sha256
from html import escape

from h2static.dev.injection import PREFIX
from h2static.site.pages import page

PAGE_PATH = PREFIX + "ca"
CERTIFICATE_PATH = PREFIX + "ca.crt"
#: RFC 2585 defines application/pkix-cert, but phones react to this one.
CERTIFICATE_TYPE = b"application/x-x509-ca-cert"

_STYLE = """\
main{max-width:34rem;margin:0 auto;padding:2rem 1.25rem 4rem;font-size:1.0625rem;line-height:1.5}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}
a.button{display:block;margin:1.25rem 0;padding:.9rem 1rem;border-radius:10px;text-align:center;\
font-weight:600;text-decoration:none;color:Canvas;background:CanvasText}
a.quiet{color:inherit;background:none;border:1px solid var(--line)}
details{margin:.5rem 0;border:1px solid var(--line);border-radius:10px;padding:.75rem 1rem}
summary{font-weight:600;cursor:pointer}
ol{margin:.5rem 0 0;padding-left:1.4rem}
li{margin:.35rem 0}
code{font:.8125rem/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.dim{color:var(--dim);font-size:.9375rem}
"""

#: Name, a word of the User-Agent field, and steps.
_PLATFORMS = (
    (
        "iPhone and iPad",
        ("iphone", "ipad"),
        (
            "Tap <b>Get the certificate</b> (in Safari), and <b>Allow</b>.",
            "Open <b>Settings</b>, tap <b>Profile Downloaded</b>, and install it.",
            (
                "In <b>Settings → General → About → Certificate Trust Settings</b> switch on"
                " <b>h2static local CA</b>."
            ),
        ),
    ),
    (
        "Android",
        ("android",),
        (
            "Tap <b>Get the certificate</b> and save it.",
            (
                "Open <b>Settings</b> and search for <b>CA certificate</b> (Security → Encryption"
                " and credentials → Install a certificate)."
            ),
            "Choose <b>CA certificate</b>, <b>Install anyway</b>, and the file <b>ca.crt</b>.",
        ),
    ),
    (
        "Mac",
        ("macintosh",),
        (
            "Click <b>Get the certificate</b> and open the file; it goes into the keychain.",
            (
                "In <b>Keychain Access</b> open <b>h2static local CA</b>, under <b>Trust</b> choose"
                " <b>Always Trust</b>."
            ),
        ),
    ),
    (
        "Windows",
        ("windows",),
        (
            "Click <b>Get the certificate</b> and open the file.",
            (
                "Choose <b>Install Certificate</b>, <b>Local Machine</b>, the store <b>Trusted Root"
                " Certification Authorities</b>."
            ),
        ),
    ),
    (
        "Linux",
        ("linux", "x11"),
        (
            "Click <b>Get the certificate</b>.",
            (
                "Import it in the browser's settings under <b>Certificates → Authorities</b>, for"
                " websites."
            ),
        ),
    ),
)


class PhonePage:
    """The page and the certificate of one authority."""

    def __init__(self, authority_file: str) -> None:
        """Raises ``OSError`` or ``ValueError`` when the authority's certificate cannot be read."""
        with open(authority_file, encoding="ascii") as file:
            self.certificate = ssl.PEM_cert_to_DER_cert(file.read())
        digest = sha256(self.certificate).hexdigest().upper()
        self._fingerprint = " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))

    def page(self, user_agent: bytes, authority: bytes) -> bytes:
        """The page for a browser that calls itself so, of the server at ``authority``."""
        asked = user_agent.decode("latin-1").lower()
        words = [words for _, words, _ in _PLATFORMS]
        own = next((one for one in words if any(word in asked for word in one)), None)
        sections = []
        for name, known, steps in _PLATFORMS:
            items = "".join(f"<li>{step}</li>" for step in steps)
            opened = " open" if known is own else ""
            sections.append(f"<details{opened}><summary>{name}</summary><ol>{items}</ol></details>")
        host = escape(authority.decode("latin-1"))
        return page(
            "Trust this server",
            "<main>\n<h1>Trust this server on your device</h1>\n<p>Do this once. Then"
            f" <b>{host}</b> opens without a warning, and features that require a secure page"
            ' work: camera, location, service workers.</p>\n<a class="button"'
            f' href="{CERTIFICATE_PATH}">Get the certificate</a>\n'
            + "\n".join(sections)
            + '\n<a class="button quiet" href="/">Open the site</a>\n<p'
            ' class="dim">The certificate can sign for names and addresses on local'
            " networks only. To verify it, compare its fingerprint with the one that"
            " <code>h2static install-ca</code> prints on the machine: SHA-256"
            f" <code>{self._fingerprint}</code></p>\n</main>\n",
            _STYLE,
        )
