"""Open a page in the user's browser: ``python -m h2static.dev.open_page URL``.

Contract: runs as a separate process, so that the browser neither inherits a worker's ignored
signals nor ends with it.  The environment variable ``BROWSER`` is honored (by the standard
library's ``webbrowser``).  Without a browser, it prints the URL.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import webbrowser


def start(url: str) -> None:
    """Open ``url``; returns once the browser was started, or when a text browser ends."""
    # The program and its arguments are our own; no shell.
    command = [sys.executable, "-m", "h2static.dev.open_page", url]
    subprocess.run(command, start_new_session=True, check=False)  # noqa: S603


def main() -> None:
    """Open the URL of the command line."""
    # The browser would inherit the ignored signals of a worker.
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN and number != signal.SIGPIPE:
            signal.signal(number, signal.SIG_DFL)
    url = sys.argv[1]
    if not webbrowser.open(url):
        print(f"Could not open a browser; the page is at {url}", file=sys.stderr)


if __name__ == "__main__":
    main()
